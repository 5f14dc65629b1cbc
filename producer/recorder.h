/*
 * recorder.h -- the process that a certificate trusts (design section 2,
 * Privileges).
 *
 * It owns the TPM, hashes inputs and outputs, runs the training in the
 * sandbox, and writes every event line and the statements, from typed values.
 * It parses no YAML and no HTTP, has no network and no builder's key.  What it
 * is asked arrives as verbs (wire.h), in one order, each once but for the inputs:
 *
 *   key         an agent's: the SPKI of its TLS key -> PCR 15, and a socket, over
 *               which challenges of peers are answered from then on, whatever
 *               else is being done
 *   configure   the request and the configuration file -> PCR 14
 *   input       a descriptor of a file, a folder or a tree stream (stream.h),
 *               copied while it is hashed; the pin is checked, then PCR 14
 *               extended, and only then may anything use it
 *   download    the same of what an input is unpacked from: the bytes are kept
 *               and hashed, and go back as a descriptor to read; of an image,
 *               its parts, which are checked against its pin and lie in the
 *               store until they are unpacked
 *   start       waits for a safe clock, START quote, runs the training
 *   end         after the training is gone: hashes the outputs, PCR 8, S,
 *               END quote
 *
 * A verb out of order, a frame that is malformed or an error ends it: it says
 * why and serves nothing more.
 */
#ifndef AICERT_PRODUCER_RECORDER_H
#define AICERT_PRODUCER_RECORDER_H

#include "producer/attest.h"
#include "producer/sandbox.h"

/* How long a TPM's clock may take to be safe: it is saved every 70 minutes. */
#define RECORDER_CLOCK_S 4500

/* Where its store has the parts of an image, to be unpacked from. */
#define RECORDER_LAYERS ".layers"

/* Inputs that may be on their way in at a time. */
#define RECORDER_AT_ONCE 8
/* How the sentences begin by which one sees how far a run is. */
#define RECORDER_TRAINS "training"
#define RECORDER_HASHES "hashing the outputs"
/* How long a stream may be silent. */
#define RECORDER_STALL_S 900

/*
 * Several inputs may be on their way at once, a thread for each; they are
 * answered and extended in the order of the request.
 */
struct recorder_options {
	bool measured;                /* by the TPM of attest; else no TPM */
	struct attest_options attest;
	const char *store;            /* an empty folder: copies of inputs */
	const char *workspace;        /* an empty folder: where it trains */
	struct sandbox_limits limits; /* wall_s is not 0 */
	unsigned clock_s;             /* how long to wait for a safe clock */
	uint64_t input_max;           /* bytes of one; 0: INPUT_BYTES_MAX */
	unsigned stall_s;             /* 0: RECORDER_STALL_S */
	/* GPUs for the training: how many, and their nodes below /dev. */
	size_t ngpus;
	const char *const *devices;   /* [ndevices] */
	size_t ndevices;
	const char *sysfs, *nvml;     /* of the counters of energy; NULL: as
				       * energy.h has them */
};

/*
 * Serve verbs from sock until it is closed, end or an error.  Never returns
 * with a process of the training alive.  Returns the exit code of the process:
 * 0 where everything was said over sock.
 */
int recorder_serve(int sock, const struct recorder_options *options);

#endif
