/*
 * policy.h -- whom and what the verifier trusts: the C2SP tlog-policy lines
 * and ours (formats.md section 6).  Pure: files that it names are read by the
 * caller's function.
 */
#ifndef AICERT_VERIFIER_POLICY_H
#define AICERT_VERIFIER_POLICY_H

#include "cert/note.h"
#include "cert/spki.h"
#include "common/message.h"
#include "verifier/snp.h"

#define POLICY_LIST_MAX 256  /* lines of one kind */
#define POLICY_NODES_MAX 128 /* witnesses and groups together */
#define POLICY_NAME_MAX 64
#define POLICY_OID_MAX 64
#define POLICY_ID_KEYS_MAX 8 /* of one root */
#define POLICY_URL_MAX 255

struct policy_name {
	char s[POLICY_NAME_MAX + 1];
};

/* A witness or a group: something that a quorum may ask for. */
struct policy_node {
	struct policy_name name;
	bool group;
	struct note_key key; /* of a witness */
	char url[POLICY_URL_MAX + 1]; /* likewise; "" where none is given */
	size_t need;         /* of a group: so many members */
	size_t nmembers;
	size_t member[POLICY_NODES_MAX]; /* indices of earlier nodes */
	bool has_parent;
};

struct policy_builder {
	struct policy_name name;
	struct digest fingerprint; /* SHA-256 of the SPKI */
	bool has_key;              /* given as PEM */
	struct spki key;
};

struct policy_ak_root {
	struct digest der; /* SHA-256 of the root's DER */
	struct policy_name name;
	bool simulated;
	bool unmeasured_boot;
	char eku[POLICY_OID_MAX + 1];    /* dotted; asked of the leaf */
	char policy[POLICY_OID_MAX + 1]; /* dotted, or "": none asked */
	/* An AMD root key: the HCL report of a confidential VM names the AK. */
	bool snp;
	struct snp_tcb floor;
	size_t nid_key;          /* who may have signed what runs in it */
	uint8_t id_key[POLICY_ID_KEYS_MAX][SNP_ID_KEY_LEN];
};

struct policy_named_digest {
	struct policy_name name;
	struct digest d;
};

/* The only key whose removals and revocation states count in that log. */
struct policy_registry {
	char origin[NOTE_NAME_MAX + 1];
	struct digest fingerprint;
};

/* One value that a PCR of the firmware may have. */
struct policy_pcr {
	unsigned index;
	struct digest value;
};

/* Reference values of one file: they count as a whole. */
struct policy_measurements {
	size_t line;           /* of the policy */
	uint32_t held;         /* bit i: there is a value for PCR i */
	struct digest pcr[16];
};

struct policy_deny {
	char alg[16];
	char hex[129];
};

#define POLICY_LIST(type, name)                                               \
	size_t n##name;                                                       \
	type name[POLICY_LIST_MAX]

struct policy {
	struct digest text; /* SHA-256 of the file */
	POLICY_LIST(struct note_key, log);
	POLICY_LIST(struct note_key, log_time);
	POLICY_LIST(struct policy_builder, builder);
	POLICY_LIST(struct policy_registry, registry);
	POLICY_LIST(struct policy_named_digest, revoker); /* fingerprints */
	POLICY_LIST(struct policy_ak_root, ak_root);
	POLICY_LIST(struct digest, vm);
	POLICY_LIST(struct policy_named_digest, image); /* D of its release */
	POLICY_LIST(struct policy_pcr, pcr);
	POLICY_LIST(struct policy_measurements, measurements);
	POLICY_LIST(struct policy_named_digest, container);
	POLICY_LIST(struct policy_deny, deny);
	POLICY_LIST(struct policy_name, licence);     /* allow licence */
	POLICY_LIST(struct policy_name, self_asserted); /* of these builders */
	size_t nnode;
	struct policy_node node[POLICY_NODES_MAX];
	bool has_quorum;
	bool quorum_none;
	size_t quorum; /* index of a node, unless quorum_none */
	bool allow_licence;           /* the list is closed */
	bool allow_self_asserted_any;
	bool allow_debug_image;
	bool require_witness, require_earliest_time, require_ak_name;
	bool require_confidential;
	bool require_certified_inputs;
	bool require_revocation_state; /* not older than so many seconds: */
	int64_t revocation_state_s;
};

/* Reads a file that a policy names; path is as written there. */
struct policy_loader {
	enum ac_err (*load)(void *ctx, struct buf *out, const char *path);
	void *ctx;
};

/*
 * Parse text.  On failure *why holds "line L, column C: ..." with what was
 * expected.  AC_ERR_FORMAT; AC_ERR_UNSUPPORTED: a key of a type that is not
 * known here; AC_ERR_LIMIT; AC_ERR_MEMORY.  Freed by policy_free().
 */
AC_MUST_CHECK enum ac_err policy_parse(struct policy **out, struct span text,
    const struct policy_loader *loader, struct message *why);

void policy_free(struct policy *p);

/* The entry of that key, log or root; NULL where there is none. */
const struct policy_builder *policy_builder_by(const struct policy *p,
    const struct digest *fingerprint);
const struct note_key *policy_log_by(const struct policy *p,
    struct span origin);
const struct policy_registry *policy_registry_by(const struct policy *p,
    struct span origin);
const struct policy_ak_root *policy_ak_root_by(const struct policy *p,
    const struct digest *der);

/* The one of list[0..n) with that digest, or NULL. */
const struct policy_named_digest *policy_named_by(
    const struct policy_named_digest list[], size_t n,
    const struct digest *d);

/* May a self-asserted certificate of this builder be accepted? */
bool policy_allows_self_asserted(const struct policy *p,
    const struct policy_builder *b);

#endif
