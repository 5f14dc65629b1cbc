/*
 * fixture.h -- a whole certificate made in memory, without a TPM and without
 * a log server: an RSA key in software plays the attestation key and writes
 * what a TPM would, a chain of three certificates vouches for it, a tree of a
 * few leaves is the log.  A hook changes one thing on the way; everything that
 * follows from it is bound, signed and logged anew, so that only the check
 * under test can refuse the result.  Ends the program where the making itself
 * fails.
 */
#ifndef AICERT_TESTS_FIXTURE_H
#define AICERT_TESTS_FIXTURE_H

#include <openssl/evp.h>

#include "cert/bundle.h"
#include "cert/checkpoint.h"
#include "cert/evidence.h"
#include "cert/note.h"
#include "cert/provenance.h"
#include "cert/release.h"
#include "cert/revocation.h"
#include "tests/support/bootlog.h"

#define FIXTURE_WITNESSES 5
#define FIXTURE_LEAVES 7
#define FIXTURE_INDEX 3 /* of line 1; line 2 follows */
#define FIXTURE_START_SIZE 3
#define FIXTURE_TIME 1767225600 /* of inclusion: 2026-01-01T00:00:00Z */
#define FIXTURE_START_TIME (FIXTURE_TIME - 7200)
#define FIXTURE_DAY 86400
#define FIXTURE_INPUTS 2
#define FIXTURE_FILES 3
#define FIXTURE_EXTENSIONS 10
#define FIXTURE_REVOCATIONS 4
#define FIXTURE_STATE 30 /* index of the revocation state, in a later tree */
#define FIXTURE_LINES 3 /* provenance, evidence, image release */

/* TPM_ALG_ID, for the AK's scheme and its hash. */
#define FIXTURE_SHA256 0x000b
#define FIXTURE_SHA384 0x000c
#define FIXTURE_SHA512 0x000d
#define FIXTURE_RSASSA 0x0014
#define FIXTURE_RSAPSS 0x0016
#define FIXTURE_ECDSA 0x0018

/*
 * What has just been made when the hook is called, in this order.  What a
 * stage names may be changed there and everything after it follows.
 */
enum fixture_stage {
	FIXTURE_SETUP,           /* all the wishes; nothing is made yet */
	FIXTURE_CHAIN,           /* ev.chain, ev.ak_public */
	FIXTURE_MANIFEST,        /* manifest */
	FIXTURE_START_CHECKPOINT, /* start_checkpoint */
	FIXTURE_START_NOTE,      /* start_note */
	FIXTURE_INPUT_EVENTS,    /* ev.inputs_log up to START */
	FIXTURE_BOOT_EVENTS,     /* boot */
	FIXTURE_BOOT_LOG,        /* ev.boot_log */
	FIXTURE_START_PCRS,      /* ev.quote[0].pcr */
	FIXTURE_START_ATTEST,    /* attest[0] */
	FIXTURE_START_BYTES,     /* ev.quote[0].attest, not signed yet */
	FIXTURE_START_SIGNATURE, /* ev.quote[0].signature */
	FIXTURE_EVENTS,          /* ev.inputs_log, ev.outputs_log */
	FIXTURE_STATEMENT,       /* statement: S of line 1 */
	FIXTURE_END_PCRS,        /* the same of END */
	FIXTURE_END_ATTEST,
	FIXTURE_END_BYTES,
	FIXTURE_END_SIGNATURE,
	FIXTURE_EVIDENCE,        /* all of ev */
	FIXTURE_EVIDENCE_STATEMENT, /* evidence: S of line 2 */
	FIXTURE_RELEASE,         /* release, where wished */
	FIXTURE_RELEASE_STATEMENT, /* release_statement: S of line 3 */
	FIXTURE_BUNDLES,         /* line[], model_sig: signed, not logged */
	FIXTURE_LEAF,            /* leaf[] of both lines */
	FIXTURE_CHECKPOINT,      /* checkpoint */
	FIXTURE_NOTE,            /* note */
	FIXTURE_ENTRIES,         /* line[].entry */
	FIXTURE_REVOKE,          /* nothing; revocation[] may be filled */
	FIXTURE_STATES,          /* state: of the revocations, not signed */
	FIXTURE_REVOKED,         /* logged[]: the state and they, signed */
	FIXTURE_SNAPSHOT,        /* logged[].entry */
	FIXTURE_RESULT,          /* jsonl, sig, folder, policy */
};

struct fixture;
typedef void fixture_hook(struct fixture *f);

/* An Ed25519 key that signs notes. */
struct fixture_cosigner {
	struct note_key key;
	uint8_t secret[64];
};

/* Keys that are made once and used by many fixtures. */
struct fixture_keys {
	EVP_PKEY *builder, *other_builder, *publisher;
	EVP_PKEY *registry, *revoker;
	EVP_PKEY *ak, *other_ak;       /* RSA-2048 */
	EVP_PKEY *ec_ak, *ec384_ak;
	EVP_PKEY *short_ak, *odd_ak;   /* RSA-1024; exponent 3 */
	EVP_PKEY *root, *intermediate, *other_ca;
	EVP_PKEY *ark, *ask, *vcek; /* AMD's: RSA, RSA, P-384 */
	struct fixture_cosigner log, log_time, other_log;
	struct fixture_cosigner witness[FIXTURE_WITNESSES];
};

struct fixture_extension {
	const char *name, *value; /* as in x509v3_config(5) */
};

struct fixture_cert {
	const char *subject, *issuer; /* common names */
	int subjectlen;               /* 0: up to its NUL */
	EVP_PKEY *key, *issuer_key;
	const EVP_MD *md;
	bool pss;                     /* RSA only */
	int64_t not_before_s, not_after_s;
	struct fixture_extension extension[FIXTURE_EXTENSIONS];
};

/* What a confidential VM shows beside its quotes. */
#define FIXTURE_SNP 2
#define FIXTURE_TDX 4

struct fixture_cvm {
	uint32_t kind;          /* 0: none */
	/* The claims of the HCL report: whose AK, then one replacement. */
	EVP_PKEY *named;
	const char *from, *to;
	uint8_t claims_bit, quote_bit; /* flipped in their digest */
	/* The SNP report, and who signs it. */
	uint32_t version, vmpl, algorithm, signer;
	uint64_t policy;
	uint8_t tcb[8], chip[64], id_key[48];
	size_t reserved;        /* a byte that is set; 0: none */
	EVP_PKEY *key;
	struct fixture_cert cert[SNP_CHAIN_LEN]; /* VCEK, ASK, ARK */
	bool twice;             /* evidence.snp is signed once more */
};

/* What a registry's snapshot has beside its state. */
struct fixture_revocation {
	struct revocation r;
	EVP_PKEY *key;  /* signs it */
	uint64_t index; /* of its entry */
};

/* The fields of a TPMS_ATTEST of a quote. */
struct fixture_attest {
	uint32_t magic;
	uint16_t type;
	uint8_t signer[80];
	size_t signerlen;
	uint8_t extra[80];
	size_t extralen;
	uint64_t clock_ms;
	uint32_t reset, restart;
	uint8_t safe;
	uint64_t firmware;
	uint32_t nselections; /* so many times the one that follows */
	uint16_t bank;
	uint8_t nselect;      /* bytes of the bit map */
	uint32_t pcrs;
	bool has_digest;      /* else that of the PCRs */
	uint16_t pcr_hash;    /* by this algorithm */
	uint8_t pcr_digest[64];
	size_t pcr_digestlen;
	/* How it is signed. */
	EVP_PKEY *key;
	const EVP_MD *md;
	int padding; /* RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING */
	uint16_t alg, hash;
};

struct fixture {
	const struct fixture_keys *keys;
	enum fixture_stage stage; /* of the hook's call */

	/* Wishes; their defaults make a certificate that verifies. */
	bool measured;            /* says line 1 */
	size_t nlines;
	EVP_PKEY *signer[3];      /* of lines 1 and 2 and of model.sig */
	EVP_PKEY *named[3];       /* by their hints and keyids */
	struct spki builder;      /* in builderKey */
	struct request request;
	struct request_input input[FIXTURE_INPUTS];
	struct measured found[FIXTURE_INPUTS];
	struct measured image;
	struct timing timing;
	struct figure *figure; /* figures */
	size_t nfigures;
	struct figure figures[2];
	EVP_PKEY *ak;
	uint32_t ak_attributes;
	uint16_t ak_scheme, ak_hash;
	EVP_PKEY *certified;      /* the key of the leaf */
	struct fixture_cert cert[3]; /* leaf, intermediate, root */
	struct fixture_cvm cvm;
	struct span tls_key;
	bool with_start_note;
	const char *origin;
	const struct fixture_cosigner *log;
	bool log_time;            /* the log's time key cosigns */
	int64_t time_s, start_time_s;
	int64_t cosigned_s[FIXTURE_WITNESSES]; /* 0: not */
	int64_t start_cosigned_s[FIXTURE_WITNESSES];
	bool with_snapshot;       /* of these revocations: */
	size_t nrevocations;
	struct fixture_revocation revocation[FIXTURE_REVOCATIONS];
	EVP_PKEY *registry;       /* signs the state */
	uint64_t state_index;
	bool no_compute, no_timing, no_start; /* events left out */
	bool secure_boot;         /* was on when it booted */
	bool no_firmware;         /* measured nothing, and there is no log */
	bool with_release;        /* line 3: an image release of this boot */
	EVP_PKEY *publisher, *publisher_named; /* of line 3; its hint */
	const char *measurements_form; /* the file measurements.json */
	/* With @log @time @w0 @builder @root @vm @release @pcr0. and the like. */
	const char *policy_form;

	/* What is made. */
	struct oms_file file[FIXTURE_FILES];
	const char *content[FIXTURE_FILES]; /* NULL: fixture_write() has none */
	const struct oms_file *listed; /* in the manifest: file[], or a wish */
	size_t nlisted;
	struct outputs outputs;
	struct bootlog boot;
	struct release release;
	struct buf manifest, statement, evidence, release_statement;
	struct checkpoint start_checkpoint, checkpoint;
	struct buf start_note, note;
	struct fixture_attest attest[2];
	struct evidence ev;
	struct bundle line[FIXTURE_LINES], model_sig;
	struct revocation state;
	struct bundle logged[FIXTURE_REVOCATIONS + 1]; /* the state first */
	struct buf leaf[FIXTURE_LINES];
	struct digest leaves[FIXTURE_LEAVES];
	struct digest root_der;   /* of the root certificate */
	struct digest ark_der;    /* of AMD's */

	struct buf jsonl, sig, policy, measurements, snapshot;
	struct oms_file folder[FIXTURE_FILES + 1];
	size_t nfolder;
};

void fixture_keys_new(struct fixture_keys *k);
void fixture_keys_free(struct fixture_keys *k);

/*
 * Make everything; hook, unless NULL, is called at every stage.  The policy's
 * form is policy, or one that accepts.
 */
void fixture_make(struct fixture *f, const struct fixture_keys *keys,
    const char *policy, fixture_hook *hook);

/* At FIXTURE_SETUP: an image release of what booted stands in line 3. */
void fixture_with_release(struct fixture *f);

/* At FIXTURE_SETUP: no TPM took part; one line, and figures only reported. */
void fixture_self_asserted(struct fixture *f);

/* At FIXTURE_SETUP: the machine is a confidential VM. */
void fixture_with_snp(struct fixture *f);
void fixture_with_tdx(struct fixture *f);

/* Make the reports of f->cvm, in f->ev; fixture_make() does. */
void fixture_confidential(struct fixture *f);

void fixture_free(struct fixture *f);

/* Replace the first from in *b, which must be there, by to. */
void fixture_replace(struct buf *b, const char *from, const char *to);

/* Put s in the place of what *b holds. */
void fixture_set(struct buf *b, struct span s);

/* A certificate in DER. */
void fixture_certify(struct buf *out, const struct fixture_cert *spec);

/* Append a line to a log of events; insert one before number at. */
void fixture_append_event(struct buf **log, size_t *n, const char *line);
void fixture_insert_event(struct buf **log, size_t *n, size_t at,
    const char *line);
void fixture_drop_event(struct buf **log, size_t *n, size_t at);

/* The DSSE signature of the bundle's statement by key. */
void fixture_sign(struct bundle *b, EVP_PKEY *key);

/* The SPKI of a P-256 key. */
struct spki fixture_spki(EVP_PKEY *key);

/* Write the model's folder, the policy, and a snapshot to POLICY.revocations. */
void fixture_write(const struct fixture *f, const char *dir,
    const char *policy);

#endif
