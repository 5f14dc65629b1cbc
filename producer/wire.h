/*
 * wire.h -- what aicert build and its recorder say to each other over a
 * socket pair: frames of a type, a length and a body, a file descriptor beside
 * them where the type has one.  Both ends are this program, but the recorder
 * reads every frame as if a stranger had written it.
 */
#ifndef AICERT_PRODUCER_WIRE_H
#define AICERT_PRODUCER_WIRE_H

#include "cert/event.h"
#include "cert/limits.h"
#include "common/message.h"

/* Bytes of a body: of a verb; of an answer, the largest being WIRE_RESULT. */
#define WIRE_VERB_MAX (4 * MIB)
#define WIRE_ANSWER_MAX (OMS_STATEMENT_MAX + 2 * STATEMENT_MAX + 16)

enum wire_type {
	/* the verbs */
	WIRE_KEY = 1,   /* SPKI of the TLS key; with a socket for challenges */
	WIRE_CONFIGURE, /* request, configuration file */
	WIRE_INPUT,         /* which, and how; with a descriptor */
	WIRE_DOWNLOAD,      /* the same: what an input is unpacked from */
	WIRE_START,         /* signed note, or nothing */
	WIRE_END,           /* nothing */
	WIRE_CHALLENGE,     /* a nonce; over the socket of WIRE_KEY only */
	/* answers */
	WIRE_READY,    /* nothing: done, go on */
	WIRE_FAILED,   /* a code, an input, a sentence; no verb is served any more */
	WIRE_PROGRESS, /* a sentence; more follows */
	WIRE_OUTPUT,   /* bytes that the training wrote; more follows */
	WIRE_MEASURED, /* which input, and what was found of it */
	WIRE_FETCHED,  /* of which input a download is there; with a descriptor
			* that reads it */
	WIRE_ATTESTED, /* the answer to a challenge */
	WIRE_EXIT,     /* exit status of the training */
	WIRE_RESULT,   /* S, OMS statement, evidence statement or nothing */
};

struct wire_frame {
	enum wire_type type;
	int fd;          /* -1: none */
	struct buf body; /* owned */
};

/*
 * Send one frame; fd -1: none goes with it, else a duplicate does.
 * AC_ERR_IO: the other end is gone.  Raises no SIGPIPE.
 */
AC_MUST_CHECK enum ac_err wire_send(int sock, enum wire_type type,
    struct span body, int fd);

/*
 * Receive one.  AC_ERR_NOT_FOUND: the other end closed; AC_ERR_FORMAT: cut
 * off, of an unknown type, or more than one descriptor; AC_ERR_LIMIT: a body
 * over max; AC_ERR_IO; AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err wire_receive(struct wire_frame *out, int sock,
    size_t max);

/* Close the descriptor, free the body. */
void wire_frame_free(struct wire_frame *f);

/* A request whose arrays are owned, and whose spans borrow from the body. */
struct wire_request {
	struct request request;
	struct span *words; /* command, then outputs */
	struct request_input *input;
	struct request_env *env;
	struct span config; /* the file exactly as it was read */
};

void wire_write_configure(struct writer *w, const struct request *r,
    struct span config);

/*
 * The body of WIRE_CONFIGURE.  config_sha256 is not in it: it is computed
 * here from the file.  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err wire_read_configure(struct wire_request *out,
    struct span body);

enum wire_compression { WIRE_NONE, WIRE_GZIP, WIRE_ZSTD };

/* Where an input of a configuration lies. */
struct wire_place {
	struct span path; /* of the builder's machine; empty: fetch uri */
	struct span uri;  /* though the request's may not disclose it */
	struct span files; /* patterns of those asked for, an LF between them */
	uint32_t line, column; /* of its pin */
	enum wire_compression compression;
};

/*
 * What the parser of a configuration found; place[0..r->ninputs), and behind them
 * the image's, where there is one.
 */
void wire_write_config(struct writer *w, const struct request *r,
    const struct wire_place place[]);

/*
 * Read it; place[0..INPUTS_MAX] takes the places, whose spans borrow from
 * body.  AC_ERR_FORMAT, AC_ERR_LIMIT, AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err wire_read_config(struct wire_request *out,
    struct wire_place place[], struct span body);

void wire_request_free(struct wire_request *r);

/* How an input comes. */
enum wire_kind {
	WIRE_LOCAL,  /* the descriptor is open on a file or folder */
	WIRE_STREAM, /* a tree stream comes out of it */
};

/* WIRE_INPUT and WIRE_DOWNLOAD; the image has the index after the last input's. */
void wire_write_input(struct writer *w, size_t index, enum wire_kind kind);
AC_MUST_CHECK bool wire_read_input(size_t *index, enum wire_kind *kind,
    struct span body);

/* WIRE_MEASURED; of WIRE_FETCHED, of what is no tree. */
void wire_write_measured(struct writer *w, size_t index,
    const struct measured *m);
AC_MUST_CHECK bool wire_read_measured(size_t *index, struct measured *out,
    struct span body);

/* An error that is about no input. */
#define WIRE_NO_INPUT SIZE_MAX

void wire_write_failed(struct writer *w, enum ac_err e, size_t index,
    struct span sentence);
AC_MUST_CHECK bool wire_read_failed(enum ac_err *e, size_t *index,
    struct span *sentence, struct span body);

#endif
