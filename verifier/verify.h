/*
 * verify.h -- the eighteen steps of verification, in order (design section 4).
 *
 * Pure: bytes, a policy and digests in, a verdict for every step out.  It
 * reads no file, no clock and no network.  Each step reads only what earlier
 * ones established; the first failure ends the run.  The verdict starts as
 * "not verified" and only verification_verdict() turns it.
 */
#ifndef AICERT_VERIFIER_VERIFY_H
#define AICERT_VERIFIER_VERIFY_H

#include "verifier/akcert.h"
#include "verifier/boot.h"
#include "verifier/certificate.h"
#include "verifier/hcl.h"
#include "verifier/images.h"
#include "verifier/policy.h"
#include "verifier/quote.h"

enum verify_step {
	VERIFY_FORMAT = 1,
	VERIFY_BUILDER,
	VERIFY_LEAF,
	VERIFY_INCLUSION,
	VERIFY_CHECKPOINT,
	VERIFY_QUORUM,
	VERIFY_EVIDENCE,
	VERIFY_AK_CHAIN,
	VERIFY_AK_PUBLIC,
	VERIFY_QUOTES,
	VERIFY_BINDINGS,
	VERIFY_BOOT_LOG,
	VERIFY_BOOT,
	VERIFY_REPLAY,
	VERIFY_ENTAILMENT,
	VERIFY_FILES,
	VERIFY_REVOCATION,
	VERIFY_LINEAGE,
};
#define VERIFY_NSTEPS 18

enum verify_status {
	VERIFY_NOT_REACHED,     /* an earlier step failed */
	VERIFY_OK,
	VERIFY_FAILED,          /* not verified */
	VERIFY_NOT_ACCEPTED,    /* right, but the policy does not take it */
	VERIFY_NOT_ESTABLISHED, /* nothing to judge by; not held against it */
	VERIFY_NOT_CHECKED,     /* not in this mode, or no data at hand */
	VERIFY_NOT_NEEDED,      /* there is nothing of the kind */
};

enum verify_verdict {
	VERIFY_VERIFIED = 0,
	VERIFY_NOT_VERIFIED = 1,
	VERIFY_COULD_NOT_RUN = 2,
	VERIFY_REFUSED = 3, /* "not accepted" */
};

/*
 * Logged: all steps.  Unlogged (before publishing, at admission, in an
 * attested channel): steps 3 to 6 are not checked, and the time by which
 * certificates are judged comes from the caller.
 */
enum verify_mode {
	VERIFY_MODE_LOGGED,
	VERIFY_MODE_UNLOGGED,
	/*
	 * Unlogged, and without model.sig, which no log is shown: what only
	 * that can tell is left open.  No verdict of this mode is VERIFIED.
	 */
	VERIFY_MODE_ADMISSION,
};

struct verify_result {
	enum verify_status status;
	struct message text;
};

/* When something is known to have happened, and on whose word. */
struct verify_time {
	bool known;
	int64_t unix_s;
	bool by_witnesses; /* else by the log's own time key */
};

/* The state of revocations as of which nothing was found void. */
struct verify_state {
	bool known;
	struct span origin; /* of the log and its registry */
	uint64_t tree_size, count;
	struct verify_time time;
};

/* The image release that step 13 found this machine to have booted. */
struct verify_release {
	bool known;
	struct digest d, signer; /* of its statement; its key's fingerprint */
	uint64_t index;          /* of its entry in the log */
};

#define VERIFY_SNAPSHOTS_MAX 8

/* *out = the certificate whose line 1 has that D; AC_ERR_NOT_FOUND. */
typedef enum ac_err verify_ancestors(void *ctx, struct buf *out,
    const struct digest *d);

/* Everything found out; read it for a report. */
struct verification {
	const struct policy *policy;
	enum verify_mode mode;
	struct verify_result step[VERIFY_NSTEPS + 1]; /* by enum verify_step */

	struct span jsonl, model_sig_line; /* what there is to verify */
	int64_t unlogged_s;      /* stands in for the time of inclusion */
	struct certificate cert; /* owned */
	struct bundle model_sig; /* owned */
	struct oms oms;          /* owned */
	struct images images;    /* owned */
	bool decoded;            /* the four above are filled in */
	struct verify_part *part; /* owned: what step 16 hashes */
	size_t nparts;
	size_t nallowed; /* extra files that were allowed */
	bool one_file;   /* not the whole model */

	const struct policy_builder *builder; /* NULL: not in the policy */
	struct span origin;                   /* of the log */
	struct verify_time logged[2];         /* inclusion of lines 1 and 2 */
	struct verify_time judged;            /* asked for instead of it */
	struct verify_time earliest;          /* checkpoint at the start */
	const struct policy_ak_root *root;    /* NULL: not in the policy */
	bool has_hcl, has_snp;                /* and they are right */
	struct hcl hcl;
	struct snp_signer snp;
	uint8_t id_key[SNP_ID_KEY_LEN];
	struct akcert ak;
	struct quote_public ak_public;
	struct quote quote[2]; /* by enum evidence_when */
	bool ak_name_matches;
	bool has_boot;
	struct boot boot;      /* what the boot log says */
	/* Step 13 found one of the two equal; NULL: it did not. */
	const struct image *booted;
	const struct policy_named_digest *booted_pin;
	const struct release_tuple *booted_tuple;
	const struct policy_measurements *measurements;
	struct verify_release release;
	size_t nsnapshots;
	struct span snapshot[VERIFY_SNAPSHOTS_MAX]; /* borrowed */
	int64_t now_s;
	struct verify_state revocations;
	bool simulated;
	bool alone; /* the certificate only: without model.sig and files */
	verify_ancestors *ancestors;
	void *ancestors_ctx;
};

/* A new verification under policy, which outlives it.  NULL: no memory. */
struct verification *verification_new(const struct policy *policy,
    enum verify_mode mode);

void verification_free(struct verification *v);

/*
 * Before verification_certificate(), for testing: judge certificates as of
 * unix_s, and not of the inclusion time.  The verdict is never VERIFIED then.
 */
void verification_judge_at(struct verification *v, int64_t unix_s);

/*
 * Steps 1 to 15 of the certificate and the model.sig beside it, of whatever
 * size and content; the spans outlive v.  unlogged_s is the time that stands
 * in for the inclusion time in the unlogged mode.
 */
void verification_certificate(struct verification *v, struct span jsonl,
    struct span model_sig, int64_t unlogged_s);

/* What a model's folder holds beside the ignored paths, or one file of it. */
struct verify_listing {
	const struct oms_file *file; /* in order of name; sha256 not read */
	size_t nfiles;
	bool alone; /* one file; the rest of the model is not at hand */
	const char *const *allow; /* globs of files that may be extra */
	size_t nallow;
};

/* Bytes that step 16 has to see the digest of. */
struct verify_part {
	const struct oms_file *line; /* of the manifest */
	size_t file;                 /* place in the listing */
	uint64_t start, end;
};

/*
 * Step 16 by names and lengths, before anything is hashed: is every line of
 * the manifest in the listing, and nothing else?  Then v->part[0..nparts) is
 * what to hash, and true; else the step has failed.
 */
AC_MUST_CHECK bool verification_list(struct verification *v,
    const struct verify_listing *listing);

/* Step 16 by content: got[i] is the digest of v->part[i]. */
void verification_digests(struct verification *v, const struct digest got[]);

/*
 * Step 16 at once, where all files have been hashed: file[0..n), in order of
 * name.  Not for a manifest of shards.
 */
void verification_files(struct verification *v, const struct oms_file file[],
    size_t n);

/*
 * Is the file path an index of tensors, whose bytes verification_index() takes
 * after verification_digests()?
 */
bool verification_is_index(struct span path);

/*
 * Step 16 of an index (model.safetensors.index.json): the bytes are those of
 * the manifest, and every file that it names is a weight file of it, too.
 */
void verification_index(struct verification *v, struct span path,
    struct span bytes);

/* Step 16 fails: the folder could not be read as one; why says it. */
void verification_files_failed(struct verification *v,
    const struct message *why);

/*
 * Step 17 shall read snapshot, which outlives v, and tell its age as of now_s,
 * the caller's clock.  Of any size and content.  AC_ERR_LIMIT: there are
 * VERIFY_SNAPSHOTS_MAX already.
 */
AC_MUST_CHECK enum ac_err verification_revocations(struct verification *v,
    struct span snapshot, int64_t now_s);

/* Step 18 shall find certificates of inputs by load. */
void verification_ancestors(struct verification *v, verify_ancestors *load,
    void *ctx);

/* Steps 17 and 18, then the verdict over all of them. */
enum verify_verdict verification_verdict(struct verification *v);

/* Has any step failed so far? */
bool verification_failed(const struct verification *v);

/* "format and set of lines", … */
const char *verify_step_name(enum verify_step s);

/* "ok", "FAILED", "not accepted", … */
const char *verify_status_name(enum verify_status s);

/* "VERIFIED", "NOT VERIFIED", "COULD NOT RUN", "NOT ACCEPTED" */
const char *verify_verdict_name(enum verify_verdict verdict);

#endif
