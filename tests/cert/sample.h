/*
 * sample.h -- one made-up training run in typed values, from which tests and
 * the fuzz targets' seeds are encoded.  It ends the program where an encoder
 * fails.
 */
#ifndef AICERT_TESTS_CERT_SAMPLE_H
#define AICERT_TESTS_CERT_SAMPLE_H

#include "cert/bundle.h"
#include "cert/event.h"
#include "cert/evidence.h"
#include "cert/provenance.h"
#include "cert/release.h"

#define SAMPLE_NFILES 3
#define SAMPLE_NINPUTS 2
#define SAMPLE_NFIGURES 3

/* Borrows from itself: it is not to be copied. */
struct sample {
	struct request request;
	struct measured image, measured[SAMPLE_NINPUTS];
	struct request_input input[SAMPLE_NINPUTS];
	struct span command[3], output[2];
	struct request_env env[2];
	struct oms_file file[SAMPLE_NFILES];
	struct outputs outputs;
	struct timing timing;
	struct figure figure[SAMPLE_NFIGURES];
	struct provenance provenance;
};

/* With every optional member where full, else with none. */
void sample_fill(struct sample *s, bool full);

/* A digest of 32 times the byte. */
struct digest sample_digest(uint8_t byte);

/* A key; its point is not on the curve. */
struct spki sample_key(void);

/* S, its evidence, the OMS statement of its files; owned by the caller. */
struct buf sample_provenance(const struct sample *s);
struct evidence sample_evidence(const struct sample *s, bool full);
struct buf sample_oms(const struct sample *s);

/* The event line of each type. */
struct buf sample_event(const struct sample *s, enum event_type type);

/* An image release with two tuples and a container, or the least there is. */
struct release sample_release(bool full);
struct buf sample_release_bytes(const struct release *r);

/* A signed note with lines of types 0x01 and 0x04; the signatures are made up. */
struct buf sample_note(void);

/* A bundle of statement, with a log entry where logged. */
struct bundle sample_bundle(struct span statement, bool logged);

/* The bytes of a bundle's line, of an evidence statement. */
struct buf sample_bundle_line(const struct bundle *b);
struct buf sample_evidence_bytes(const struct evidence *ev);

#endif
