/*
 * limits.h -- every cap on bytes from outside, one sentence each.
 *
 * A reader checks the cap before it allocates; a writer checks the same cap
 * before training where the inputs alone would break it.
 */
#ifndef AICERT_CERT_LIMITS_H
#define AICERT_CERT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* The constant that names us in types: one place. */
#define AICERT_URI "https://aicert.mithrilsecurity.io"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* Bytes of one statement S, design section 1. */
#define STATEMENT_MAX (1 * MIB)
/* Bytes of aicert.jsonl. */
#define CERTIFICATE_MAX (4 * MIB)
/* Lines of aicert.jsonl. */
#define CERTIFICATE_LINES_MAX 64
/* Bytes of the OMS statement in model.sig. */
#define OMS_STATEMENT_MAX (16 * MIB)
/* Bytes of model.sig: that statement in base64, and its envelope. */
#define MODEL_SIG_MAX (OMS_STATEMENT_MAX / 3 * 4 + 64 * KIB)
/* Bytes of a log entry: tlog-tiles counts them in 16 bits. */
#define LEAF_MAX 65535
/* Bytes of a revocation snapshot: some 8,000 revocations. */
#define REVOCATIONS_MAX (32 * MIB)
/* Claims of inputs to have a certificate that are followed, and how deep. */
#define LINEAGE_MAX 64
#define LINEAGE_DEPTH_MAX 8
/* Bytes of a policy file. */
#define POLICY_MAX (1 * MIB)
/* Bytes of a key or certificate chain in PEM. */
#define PEM_MAX (64 * KIB)

/* Nesting of JSON from outside. */
#define JSON_DEPTH_MAX 24
/* Members of one JSON object: the widest maps tensors to files. */
#define JSON_MEMBERS_MAX 131072
/* Bytes of a model's index of tensors; that of 90,000 tensors has 9 MB. */
#define INDEX_MAX (16 * MIB)
/* Values of one JSON text: four for each of FILES_MAX files, and the rest. */
#define JSON_VALUES_MAX (4 * (size_t)FILES_MAX + 4096)
/* Largest integer that every JSON reader keeps exactly: 2^53 - 1. */
#define JSON_INT_MAX 9007199254740991

/* Bytes of a signed note; 16 ML-DSA lines are 52 kB. */
#define NOTE_MAX (128 * KIB)
/* Signature lines of a note; signed-note asks for at least 16. */
#define NOTE_SIGNATURES_MAX 64
/* Bytes of a key's name in a note. */
#define NOTE_NAME_MAX 255
/* Bytes of one signature blob: ML-DSA-44 with key ID and time is 2,432. */
#define NOTE_BLOB_MAX 2500

/* Subjects of a statement; in-toto libraries refuse more. */
#define SUBJECTS_MAX 1024
/* Weight files: the subjects less oms-root and oms-manifest. */
#define WEIGHTS_MAX 1022
/* Files of a model: what fits in OMS_STATEMENT_MAX at 120 bytes each. */
#define FILES_MAX 131072
/* Bytes of a file's path within a model. */
#define FILE_PATH_MAX 1024
/* Bytes of a configuration file, aicert.yaml. */
#define CONFIG_MAX (256 * KIB)
/* Files, folders and links of a container image. */
#define IMAGE_FILES_MAX 2097152
/* Bytes of one input, of what a download unpacks to: 16 TiB. */
#define INPUT_BYTES_MAX ((uint64_t)1 << 44)
/* Bytes that are unpacked of each that was fetched, besides the first 64 MiB. */
#define UNPACK_RATIO_MAX 2000
#define UNPACK_FREE (64 * MIB)
/* Bytes of a link's target in a tree stream. */
#define LINK_TARGET_MAX 4095
/* Bytes of a commit object in a tree stream. */
#define GIT_OBJECT_MAX (1 * MIB)
/* Submodules of a repository, those within others among them. */
#define GIT_MODULES_MAX 64
/* Inputs of a build. */
#define INPUTS_MAX 512
/* Words of a command, output globs, environment variables. */
#define WORDS_MAX 256
/* Bytes of one such word, of a uri, a pin, a name. */
#define WORD_MAX (16 * KIB)
/* Bytes of a string in a revocation or an image release. */
#define TEXT_MAX 1024
/* Event lines of PCR 14: configuration, image, inputs, start, two figures. */
#define EVENTS_MAX (INPUTS_MAX + 5)
/* Bytes of a DER signature by P-256. */
#define P256_SIG_MAX 72

/* Certificates of an AK chain: leaf, up to three CAs, root. */
#define AK_CHAIN_MAX 5
/* Certificates of an SNP report: VCEK, ASK, ARK. */
#define SNP_CHAIN_LEN 3
/* Bytes of one certificate in DER. */
#define CERT_DER_MAX (16 * KIB)
/* Bytes of a TPMS_ATTEST or TPMT_SIGNATURE. */
#define ATTEST_MAX 2048
/* Bytes of a TPMT_PUBLIC. */
#define TPMT_PUBLIC_MAX 1024
/* Bytes of a TCG boot event log. */
#define BOOT_LOG_MAX (256 * KIB)
/* Banks of such a log: TPMs have one to three. */
#define EVENTLOG_BANKS_MAX 8
/* Reference tuples of an image release: firmware kinds, Secure Boot or not. */
#define RELEASE_TUPLES_MAX 16
/* Containers that an image release names. */
#define RELEASE_CONTAINERS_MAX 64
/* Bytes of a Unified Kernel Image, and sections of such a PE file. */
#define UKI_MAX (512 * MIB)
#define PE_SECTIONS_MAX 96
/* Bytes of an HCL report, an SNP report, a TDX quote, a GPU report. */
#define REPORT_MAX (32 * KIB)

#endif
