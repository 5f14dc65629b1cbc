/*
 * The policy file: what it takes, and for every kind of line what it refuses,
 * at which place and saying what was expected there.
 */
#include "cert/limits.h"
#include "tests/support/fixture.h"
#include "tests/test.h"
#include "verifier/policy.h"

/* A key of 32 zeros of type 1 and 4, and one of a type nobody knows here. */
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "11112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LONG64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WITNESSES "witness w0 @w0\nwitness w1 @w1\nwitness w2 @w2\n"

static struct fixture_keys keys;

/* A wrong policy; '^' stands where the complaint points and is taken out. */
struct wrong {
	const char *text;
	const char *says;
	enum ac_err e;
};

#define FORMAT(text, says) { text, says, AC_ERR_FORMAT }

static enum ac_err
load(void *ctx, struct buf *out, const char *path)
{
	static const char directory[] = "dir.pem", garbage[] = "garbage.pem";
	char pem[SPKI_PEM_LEN + 1];
	struct spki key = fixture_spki(keys.builder);

	(void)ctx;
	/* A measurements file stands in its own path. */
	if (strncmp(path, "json:", 5) == 0)
		return buf_copy(out, span_str(path + 5));
	if (strcmp(path, directory) == 0)
		return AC_ERR_FORMAT;
	if (strcmp(path, garbage) == 0)
		return buf_copy(out, span_str("-----BEGIN GARBAGE-----\n"));
	if (strcmp(path, "keys/builder.pem") != 0)
		return AC_ERR_NOT_FOUND;
	spki_pem(pem, &key);
	return buf_copy(out, span_str(pem));
}

static const struct policy_loader loader = { load, NULL };

static void
put_key(struct writer *w, const char *name)
{
	struct note_key key;

	if (strncmp(name, "@log ", 5) == 0 || strncmp(name, "@log\n", 5) == 0)
		key = keys.log.key;
	else if (strncmp(name, "@same", 5) == 0)
		key = keys.other_log.key; /* of the log's name */
	else if (strncmp(name, "@time", 5) == 0)
		key = keys.log_time.key;
	else if (strncmp(name, "@logtime", 8) == 0)
		key = keys.log.key, key.type = NOTE_COSIGNATURE;
	else
		key = keys.witness[name[2] - '0'].key;
	note_key_write(w, &key);
}

/* The text with keys put in; line and column of the '^', 0 without one. */
static struct buf
expand(const char *text, size_t *line, size_t *column)
{
	struct writer w;
	struct buf out;
	size_t start = 0;

	*line = *column = 0;
	wr_init(&w, 2 * POLICY_MAX);
	for (size_t at = 1; *text != '\0'; text++) {
		if (*text == '^') {
			*line = at;
			*column = w.len - start + 1;
			continue;
		}
		if (*text == '@') {
			put_key(&w, text);
			while (text[1] != ' ' && text[1] != '\n' &&
			    text[1] != '\0')
				text++;
			continue;
		}
		wr_u8(&w, (uint8_t)*text);
		if (*text == '\n') {
			at++;
			start = w.len;
		}
	}
	assert_ok(wr_end(&w, &out));
	return out;
}

static void
refuse(const struct wrong rows[], size_t n)
{
	size_t differ = 0;

	for (size_t i = 0; i < n; i++) {
		struct policy *p = NULL;
		struct message why = { "" };
		size_t line, column;
		struct buf text = expand(rows[i].text, &line, &column);
		char place[64] = "";
		enum ac_err e = policy_parse(&p, buf_span(&text), &loader,
		    &why);

		if (line > 0)
			(void)snprintf(place, sizeof(place),
			    "line %zu, column %zu: ", line, column);
		if (e != rows[i].e ||
		    strstr(why.text, place) != why.text ||
		    strstr(why.text, rows[i].says) == NULL) {
			print_error("%s\n  gives %d \"%s\", wanted \"%s%s\"\n",
			    rows[i].text, e, why.text, place, rows[i].says);
			differ++;
		}
		if (e == AC_OK)
			policy_free(p);
		buf_free(&text);
	}
	if (differ > 0)
		fail_msg("%zu of %zu", differ, n);
}

#define REFUSE(rows) refuse(rows, sizeof(rows) / sizeof((rows)[0]))
#define NONE "quorum none\n"

static const struct wrong log_lines[] = {
	FORMAT("log ^\n" NONE, "expected a verifier key"),
	FORMAT("log ^x\n" NONE, "expected a verifier key"),
	FORMAT("log ^a+b\n" NONE, "expected a verifier key"),
	FORMAT("log ^a+0000000+AQ" ZEROS "\n" NONE, "expected a verifier key"),
	FORMAT("log ^a+ABCDEF01+AQ" ZEROS "\n" NONE, "expected a verifier key"),
	FORMAT("log ^a+00000000+AQ" ZEROS "=\n" NONE, "expected a verifier key"),
	FORMAT("log ^a+00000000+AQAA\n" NONE, "expected a verifier key"),
	FORMAT("log ^+00000000+AQ" ZEROS "\n" NONE, "expected a verifier key"),
	FORMAT("log ^a+00000000+AQ" ZEROS "\n" NONE, "ID is not that"),
	{ "log ^a+00000000+Ag" ZEROS "\n" NONE, "keys of this type",
	  AC_ERR_UNSUPPORTED },
	FORMAT("log ^@time\n" NONE, "a log's key has type 0x01"),
	FORMAT("log @log\nlog ^@log\n" NONE, "stands above already"),
	FORMAT("log @log\nlog ^@same\n" NONE, "stands above already"),
	FORMAT("log @log https://log.example.org ^x\n" NONE, "end of the line"),
	FORMAT("  \tlog   ^x  \n" NONE, "expected a verifier key"),
	FORMAT("^Log @log\n" NONE, "expected log, witness"),
	FORMAT("^logs @log\n" NONE, "expected log, witness"),
};

static const struct wrong log_time_lines[] = {
	FORMAT("log-time ^\n" NONE, "expected a verifier key"),
	FORMAT("log-time ^x+y\n" NONE, "expected a verifier key"),
	FORMAT("log-time ^@log\n" NONE, "a cosigner's key has type 0x04"),
	FORMAT("log-time ^a+00000000+BA" ZEROS "\n" NONE, "ID is not that"),
	{ "log-time ^a+00000000+Bg" ZEROS "\n" NONE, "keys of this type",
	  AC_ERR_UNSUPPORTED },
	FORMAT("log-time @time ^https://log.example.org\n" NONE,
	    "end of the line"),
	FORMAT("log-time @time ^#\n" NONE, "end of the line"),
	FORMAT("log @log\nlog-time @logtime\n" NONE, "equals a log's"),
	FORMAT("log-time @logtime\nlog @log\n" NONE, "equals a log's"),
	FORMAT("witness w @w1\nlog-time @w1\n" NONE, "equals a log's or witness's"),
	FORMAT("^log-tim @time\n" NONE, "expected log, witness"),
};

static const struct wrong witness_lines[] = {
	FORMAT("witness ^\n" NONE, "expected a name"),
	FORMAT("witness w ^\n" NONE, "expected a verifier key"),
	FORMAT("witness w ^x\n" NONE, "expected a verifier key"),
	FORMAT("witness w ^@log\n" NONE, "a cosigner's key has type 0x04"),
	FORMAT("witness ^none @w0\n" NONE, "\"none\" is reserved"),
	{ "witness ^" LONG64 "x @w0\n" NONE, "at most 64", AC_ERR_LIMIT },
	FORMAT("witness w @w0\nwitness ^w @w1\n" NONE, "name is taken"),
	FORMAT("witness w @w0\nwitness v ^@w0\n" NONE, "stands above already"),
	FORMAT("witness w @w0 https://w.example.org ^x\n" NONE,
	    "end of the line"),
	FORMAT("witness w ^a+00000000+BA" ZEROS "\n" NONE, "ID is not that"),
	{ "witness w ^a+00000000+Bg" ZEROS "\n" NONE, "keys of this type",
	  AC_ERR_UNSUPPORTED },
};

static const struct wrong group_lines[] = {
	FORMAT("group ^\n" NONE, "expected a name"),
	FORMAT(WITNESSES "group g ^\n" NONE, "expected group <name>"),
	FORMAT(WITNESSES "group g any ^\n" NONE, "expected group <name>"),
	FORMAT(WITNESSES "group g ^w0 w1\n" NONE, "expected all, any or a number"),
	FORMAT(WITNESSES "group g ^0 w0 w1\n" NONE, "from 1 to that"),
	FORMAT(WITNESSES "group g ^3 w0 w1\n" NONE, "from 1 to that"),
	FORMAT(WITNESSES "group g ^02 w0 w1\n" NONE, "from 1 to that"),
	FORMAT(WITNESSES "group g ^-1 w0 w1\n" NONE, "from 1 to that"),
	FORMAT(WITNESSES "group g ^ANY w0 w1\n" NONE, "expected all, any"),
	FORMAT(WITNESSES "group g any w0 ^w4\n" NONE, "of an earlier line"),
	FORMAT(WITNESSES "group g any w0 ^w0\n" NONE, "a member of a group already"),
	FORMAT(WITNESSES "group g any w0 ^g\n" NONE, "of an earlier line"),
	FORMAT("group g any ^w0\n" WITNESSES NONE, "of an earlier line"),
	FORMAT(WITNESSES "group ^w0 any w1 w2\n" NONE, "name is taken"),
	FORMAT(WITNESSES "group ^none any w1 w2\n" NONE, "reserved"),
	FORMAT(WITNESSES "group g any w0 w1\ngroup h any ^w1 w2\n" NONE,
	    "a member of a group already"),
};

static const struct wrong quorum_lines[] = {
	FORMAT("", "there is no quorum line"),
	FORMAT("log @log\n", "there is no quorum line"),
	FORMAT("# quorum none\n", "there is no quorum line"),
	FORMAT("quorum ^\n", "expected the name"),
	FORMAT("quorum ^w0\n", "of an earlier line, or none"),
	FORMAT("quorum ^w0\n" WITNESSES, "of an earlier line, or none"),
	FORMAT("quorum ^None\n", "of an earlier line, or none"),
	FORMAT(WITNESSES "quorum w0 ^w1\n", "end of the line"),
	FORMAT(NONE "^quorum none\n", "there is a quorum line already"),
	FORMAT(WITNESSES "quorum w0\n^quorum w1\n", "there is a quorum line"),
	FORMAT("^quorums none\n", "expected log, witness"),
};

static const struct wrong builder_lines[] = {
	FORMAT("builder ^\n" NONE, "expected a name"),
	FORMAT("builder a ^\n" NONE, "expected a PEM file or the SHA-256"),
	FORMAT("builder a ^missing.pem\n" NONE, "a readable PEM file"),
	FORMAT("builder a ^dir.pem\n" NONE, "a readable PEM file"),
	FORMAT("builder a ^garbage.pem\n" NONE, "not a P-256 public key in PEM"),
	FORMAT("builder a ^sha256:" HEX64 "\n" NONE, "a readable PEM file"),
	FORMAT("builder a ^" HEX64 "0\n" NONE, "a readable PEM file"),
	FORMAT("builder ^a! " HEX64 "\n" NONE, "a name is of letters"),
	{ "builder ^" LONG64 "x " HEX64 "\n" NONE, "at most 64",
	  AC_ERR_LIMIT },
	FORMAT("builder a " HEX64 " ^x\n" NONE, "end of the line"),
	FORMAT("builder a " HEX64 "\nbuilder ^a " OTHER "\n" NONE,
	    "stands above already"),
	FORMAT("builder a " HEX64 "\nbuilder ^b " HEX64 "\n" NONE,
	    "stands above already"),
};

static const struct wrong ak_root_lines[] = {
	FORMAT("ak-root ^\n" NONE, "expected the SHA-256"),
	FORMAT("ak-root ^azure-2024 a\n" NONE, "expected the SHA-256"),
	FORMAT("ak-root ^0011 a\n" NONE, "expected the SHA-256"),
	FORMAT("ak-root ^sha256:" HEX64 " a\n" NONE, "expected the SHA-256"),
	FORMAT("ak-root " HEX64 " ^\n" NONE, "expected a name"),
	FORMAT("ak-root " HEX64 " ^a/b\n" NONE, "a name is of letters"),
	FORMAT("ak-root " HEX64 " a ^unmeasured-boot\n" NONE,
	    "expected [simulated [unmeasured-boot]]"),
	FORMAT("ak-root " HEX64 " a ^Simulated\n" NONE, "expected [simulated"),
	FORMAT("ak-root " HEX64 " a simulated ^simulated\n" NONE,
	    "expected [simulated"),
	FORMAT("ak-root " HEX64 " a eku ^\n" NONE, "a dotted OID"),
	FORMAT("ak-root " HEX64 " a eku ^clientAuth\n" NONE, "a dotted OID"),
	FORMAT("ak-root " HEX64 " a policy 1.2.3 ^eku 1.2.3\n" NONE,
	    "expected [simulated"),
	FORMAT("ak-root " HEX64 " a policy ^1.2," "3\n" NONE, "a dotted OID"),
	FORMAT("ak-root " HEX64 " a\nak-root ^" HEX64 " b\n" NONE,
	    "stands above already"),
	FORMAT("ak-root amd-milan a ^simulated\n" NONE, "expected [tcb"),
	FORMAT("ak-root amd-milan a ^eku 1.2.3\n" NONE, "expected [tcb"),
	FORMAT("ak-root amd-milan a ^snp\n" NONE, "expected [tcb"),
	FORMAT("ak-root amd-milan a tcb ^\n" NONE, "expected [<fmc>.]"),
	FORMAT("ak-root amd-milan a tcb ^4.0.24\n" NONE, "expected [<fmc>.]"),
	FORMAT("ak-root amd-milan a tcb ^1.4.0.24.219.1\n" NONE,
	    "expected [<fmc>.]"),
	FORMAT("ak-root amd-milan a tcb ^4.0.24.256\n" NONE,
	    "expected [<fmc>.]"),
	FORMAT("ak-root amd-milan a tcb ^4.0.24.\n" NONE, "expected [<fmc>.]"),
	FORMAT("ak-root amd-milan a tcb ^4..24.1\n" NONE, "expected [<fmc>.]"),
	FORMAT("ak-root amd-milan a tcb ^4.0.024.1\n" NONE,
	    "expected [<fmc>.]"),
	FORMAT("ak-root amd-milan a tcb 1.2.3.4 ^tcb 1.2.3.4\n" NONE,
	    "expected [tcb"),
	FORMAT("ak-root amd-milan a id-key ^\n" NONE, "SHA-384"),
	FORMAT("ak-root amd-milan a id-key ^" HEX64 "\n" NONE, "SHA-384"),
	FORMAT("ak-root " HEX64 " a snp ^unmeasured-boot\n" NONE,
	    "expected [tcb"),
	FORMAT("ak-root " HEX64 " a ^tcb 1.2.3.4\n" NONE, "expected [simulated"),
	FORMAT("ak-root azure-2023 a\nak-root ^azure-2023 b\n" NONE,
	    "stands above already"),
};

static const struct wrong vm_lines[] = {
	FORMAT("vm ^\n" NONE, "a SHA-256 of 64"),
	FORMAT("vm ^0011\n" NONE, "a SHA-256 of 64"),
	FORMAT("vm ^" HEX64 "00\n" NONE, "a SHA-256 of 64"),
	FORMAT("vm ^sha256:" HEX64 "\n" NONE, "a SHA-256 of 64"),
	FORMAT("vm ^00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
	    "\n" NONE, "lower-case"),
	FORMAT("vm ^name " HEX64 "\n" NONE, "a SHA-256 of 64"),
	FORMAT("vm " HEX64 " ^x\n" NONE, "end of the line"),
	FORMAT("^VM " HEX64 "\n" NONE, "expected log, witness"),
};

static const struct wrong container_lines[] = {
	FORMAT("container ^\n" NONE, "expected a name"),
	FORMAT("container a ^\n" NONE, "expected sha256:<hex>"),
	FORMAT("container a ^" HEX64 "\n" NONE, "expected sha256:<hex>"),
	FORMAT("container a ^sha256:\n" NONE, "expected sha256:<hex>"),
	FORMAT("container a ^sha256:" HEX64 "0\n" NONE, "expected sha256:<hex>"),
	FORMAT("container a ^sha512:" HEX64 "\n" NONE, "expected sha256:<hex>"),
	FORMAT("container a ^SHA256:" HEX64 "\n" NONE, "expected sha256:<hex>"),
	{ "container ^sha256:" HEX64 "\n" NONE, "at most 64", AC_ERR_LIMIT },
	FORMAT("container a sha256:" HEX64 " ^x\n" NONE, "end of the line"),
	FORMAT("container ^a=b sha256:" HEX64 "\n" NONE, "a name is of letters"),
};

static const struct wrong image_lines[] = {
	FORMAT("image ^\n" NONE, "expected a name"),
	FORMAT("image a ^\n" NONE, "expected a SHA-256"),
	FORMAT("image ^a=b " HEX64 "\n" NONE, "a name is of letters"),
	{ "image ^" LONG64 "x " HEX64 "\n" NONE, "at most 64", AC_ERR_LIMIT },
	FORMAT("image a ^sha256:" HEX64 "\n" NONE, "expected a SHA-256"),
	FORMAT("image a ^" HEX64 "0\n" NONE, "expected a SHA-256"),
	FORMAT("image a ^0011\n" NONE, "expected a SHA-256"),
	FORMAT("image a ^AA112233445566778899aabbccddeeff00112233445566778899aab"
	    "bccddeeff\n" NONE, "expected a SHA-256"),
	FORMAT("image " HEX64 " ^a\n" NONE, "expected a SHA-256"),
	FORMAT("image a " HEX64 " ^x\n" NONE, "end of the line"),
	FORMAT("image a " HEX64 "\nimage ^a " OTHER "\n" NONE,
	    "stands above already"),
	FORMAT("image a " HEX64 "\nimage ^b " HEX64 "\n" NONE,
	    "stands above already"),
	FORMAT("^images a " HEX64 "\n" NONE, "expected log, witness"),
};

static const struct wrong pcr_lines[] = {
	FORMAT("pcr ^\n" NONE, "expected PCR 0, 1, 2, 3, 5, 6 or 7"),
	FORMAT("pcr 0 ^\n" NONE, "expected a SHA-256"),
	FORMAT("pcr ^4 " HEX64 "\n" NONE, "of 4, 9 and 11 an image line"),
	FORMAT("pcr ^8 " HEX64 "\n" NONE, "expected PCR 0"),
	FORMAT("pcr ^9 " HEX64 "\n" NONE, "of 4, 9 and 11 an image line"),
	FORMAT("pcr ^12 " HEX64 "\n" NONE, "expected PCR 0"),
	FORMAT("pcr ^16 " HEX64 "\n" NONE, "expected PCR 0"),
	FORMAT("pcr ^-1 " HEX64 "\n" NONE, "expected PCR 0"),
	FORMAT("pcr ^00 " HEX64 "\n" NONE, "expected PCR 0"),
	FORMAT("pcr ^0x1 " HEX64 "\n" NONE, "expected PCR 0"),
	FORMAT("pcr ^0-3 " HEX64 "\n" NONE, "expected PCR 0"),
	FORMAT("pcr ^" HEX64 "\n" NONE, "expected PCR 0"),
	FORMAT("pcr 0 ^sha256:" HEX64 "\n" NONE, "expected a SHA-256"),
	FORMAT("pcr 0 " HEX64 " ^x\n" NONE, "expected a SHA-256"),
	FORMAT("pcr 0 ^" HEX64 "," HEX64 "\n" NONE, "expected a SHA-256"),
	FORMAT("pcr 0 " HEX64 " ^00000000000000000000000000000000000000000000000"
	    "00000000000000000\n" NONE, "never extended"),
};

#define JSON(values) "json:{\"measurements\":{" values "}}"

static const struct wrong measurements_lines[] = {
	FORMAT("measurements ^\n" NONE, "expected a file of"),
	FORMAT("measurements ^nowhere.json\n" NONE, "expected a file of"),
	FORMAT("measurements ^dir.pem\n" NONE, "expected a file of"),
	FORMAT("measurements ^garbage.pem\n" NONE, "expected a file of"),
	FORMAT("measurements ^json:\n" NONE, "expected a file of"),
	FORMAT("measurements ^json:{}\n" NONE, "expected a file of"),
	FORMAT("measurements ^json:[]\n" NONE, "expected a file of"),
	FORMAT("measurements ^json:{\"measurements\":[]}\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("") "\n" NONE, "expected a file of"),
	FORMAT("measurements ^" JSON("\"8\":\"" HEX64 "\"") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"10\":\"" HEX64 "\"") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"14\":\"" HEX64 "\"") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"16\":\"" HEX64 "\"") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"04\":\"" HEX64 "\"") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"PCR4\":\"" HEX64 "\"") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"4\":4") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"4\":\"0011\"") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"4\":\"" HEX64 "\",\"4\":\"" HEX64
	    "\"") "\n" NONE, "expected a file of"),
	FORMAT("measurements ^" JSON("\"4\":\"000000000000000000000000000000000"
	    "0000000000000000000000000000000\"") "\n" NONE,
	    "expected a file of"),
	FORMAT("measurements ^" JSON("\"12\":\"" HEX64 "\"") "\n" NONE,
	    "with zeros for 12 and 13"),
	FORMAT("measurements ^json:{\"measurements\":{\"4\":\"" HEX64
	    "\"},\"x\":0}\n" NONE, "expected a file of"),
	FORMAT("measurements " JSON("\"4\":\"" HEX64 "\"") " ^x\n" NONE,
	    "end of the line"),
};

static const struct wrong deny_lines[] = {
	FORMAT("deny ^\n" NONE, "expected input"),
	FORMAT("deny ^inputs sha256:00\n" NONE, "expected input"),
	FORMAT("deny ^licence MIT\n" NONE, "expected input"),
	FORMAT("deny input ^\n" NONE, "expected <alg>:<hex>"),
	FORMAT("deny input ^0011\n" NONE, "expected <alg>:<hex>"),
	FORMAT("deny input ^:0011\n" NONE, "expected <alg>:<hex>"),
	FORMAT("deny input ^sha256:\n" NONE, "expected <alg>:<hex>"),
	FORMAT("deny input ^sha256:XY\n" NONE, "lower-case hex"),
	FORMAT("deny input ^sha256:AB\n" NONE, "lower-case hex"),
	FORMAT("deny input ^algorithm-that-is-long:00\n" NONE,
	    "expected <alg>:<hex>"),
	FORMAT("deny input ^sha512:" HEX64 HEX64 "0\n" NONE,
	    "expected <alg>:<hex>"),
	FORMAT("deny input sha256:00 ^x\n" NONE, "end of the line"),
};

static const struct wrong allow_lines[] = {
	FORMAT("allow ^\n" NONE, "expected licence, self-asserted"),
	FORMAT("allow ^license MIT\n" NONE, "expected licence, self-asserted"),
	FORMAT("allow ^everything\n" NONE, "expected licence, self-asserted"),
	FORMAT("allow licence ^\n" NONE, "expected SPDX"),
	FORMAT("allow licence MIT ^GPL-3.0+\n" NONE, "a name is of letters"),
	FORMAT("allow licence ^MIT,BSD\n" NONE, "a name is of letters"),
	{ "allow licence ^" LONG64 "x\n" NONE, "at most 64", AC_ERR_LIMIT },
	FORMAT("allow self-asserted ^a/b\n" NONE, "a name is of letters"),
	FORMAT("allow self-asserted a ^b\n" NONE, "end of the line"),
	FORMAT("allow debug-image ^x\n" NONE, "end of the line"),
	FORMAT("allow ^debug\n" NONE, "or debug-image"),
	FORMAT("allow ^self_asserted\n" NONE, "expected licence, self-asserted"),
	FORMAT("^allows self-asserted\n" NONE, "expected log, witness"),
};

static const struct wrong require_lines[] = {
	FORMAT("require ^\n" NONE, "expected witness"),
	FORMAT("require ^witnesses\n" NONE, "expected witness"),
	FORMAT("require ^earliest\n" NONE, "expected witness"),
	FORMAT("require ^latest-time\n" NONE, "expected witness"),
	FORMAT("require witness ^w0\n" NONE, "end of the line"),
	FORMAT("require earliest-time ^2026\n" NONE, "end of the line"),
	FORMAT("require ak-name ^x\n" NONE, "end of the line"),
	FORMAT("require ^ak_name\n" NONE, "expected witness"),
	FORMAT("^Require witness\n" NONE, "expected log, witness"),
};

static const struct wrong registry_lines[] = {
	FORMAT("registry ^\n" NONE, "expected the origin of a log"),
	FORMAT("registry log.example.org ^\n" NONE, "expected a PEM file"),
	FORMAT("registry log.example.org ^no.pem\n" NONE, "a readable PEM"),
	FORMAT("registry log.example.org " HEX64 " ^x\n" NONE,
	    "end of the line"),
	FORMAT("registry ^a+b " HEX64 "\n" NONE, "no '+'"),
	FORMAT("registry a " HEX64 "\nregistry ^a " HEX64 "\n" NONE,
	    "stands above already"),
	FORMAT("revoker ^\n" NONE, "expected a name"),
	FORMAT("revoker a ^\n" NONE, "expected a PEM file"),
	FORMAT("revoker ^a/b " HEX64 "\n" NONE, "a name is of letters"),
	FORMAT("revoker a ^" "00\n" NONE, "a readable PEM file"),
	FORMAT("revoker a " HEX64 " ^x\n" NONE, "end of the line"),
	FORMAT("revoker a " HEX64 "\nrevoker ^b " HEX64 "\n" NONE,
	    "stands above already"),
	FORMAT("revoker a " HEX64 "\nrevoker ^a " OTHER "\n" NONE,
	    "stands above already"),
	FORMAT("require revocation-state ^\n" NONE, "expected an age"),
	FORMAT("require revocation-state ^7\n" NONE, "such as 36h or 7d"),
	FORMAT("require revocation-state ^d\n" NONE, "expected an age"),
	FORMAT("require revocation-state ^0d\n" NONE, "expected an age"),
	FORMAT("require revocation-state ^07d\n" NONE, "expected an age"),
	FORMAT("require revocation-state ^-1d\n" NONE, "expected an age"),
	FORMAT("require revocation-state ^7w\n" NONE, "expected an age"),
	FORMAT("require revocation-state ^7D\n" NONE, "expected an age"),
	FORMAT("require revocation-state ^3654d\n" NONE, "ten years"),
	FORMAT("require revocation-state ^99999999999999999999h\n" NONE,
	    "ten years"),
	FORMAT("require revocation-state 7d ^8d\n" NONE, "end of the line"),
};

static const struct wrong bytes[] = {
	FORMAT(NONE "^verify everything\n", "expected log, witness"),
	FORMAT(NONE "log^\x01 @log\n", "byte 0x01 is not allowed"),
	FORMAT(NONE "log^\r\n", "byte 0x0d is not allowed"),
	FORMAT(NONE "^\x7f\n", "byte 0x7f is not allowed"),
	FORMAT(NONE "vm ^\xff\n", "found \"\\xff\""),
	FORMAT(NONE "^\xef\xbb\xbflog @log\n", "found \"\\xef\\xbb\\xbflog\""),
	FORMAT(NONE "vm^\v" HEX64 "\n", "byte 0x0b is not allowed"),
	FORMAT(NONE "^\"log\" @log\n", "expected log, witness"),
	FORMAT(NONE "^log; @log\n", "expected log, witness"),
	FORMAT(NONE "\n\n# a comment\n\n  # another\n^nonsense\n",
	    "expected log, witness"),
	FORMAT(NONE "^nonsense", "expected log, witness"),
	FORMAT(NONE "^biulder a " HEX64 "\n", "did you mean \"builder\"?"),
	FORMAT(NONE "^quorums none\n", "found \"quorums\"; did you mean "
	    "\"quorum\"?"),
	FORMAT(NONE "^Log @log\n", "did you mean \"log\"?"),
	FORMAT(NONE "require ^witnes\n", "did you mean \"witness\"?"),
	FORMAT(NONE "require ^revocation-stale 7d\n",
	    "did you mean \"revocation-state\"?"),
	FORMAT(NONE "allow ^license MIT\n", "did you mean \"licence\"?"),
};

static void
lines(void **state)
{
	(void)state;
	REFUSE(log_lines);
	REFUSE(log_time_lines);
	REFUSE(witness_lines);
	REFUSE(group_lines);
	REFUSE(quorum_lines);
	REFUSE(registry_lines);
}

static void
our_lines(void **state)
{
	(void)state;
	REFUSE(builder_lines);
	REFUSE(ak_root_lines);
	REFUSE(vm_lines);
	REFUSE(image_lines);
	REFUSE(pcr_lines);
	REFUSE(measurements_lines);
	REFUSE(container_lines);
	REFUSE(deny_lines);
	REFUSE(allow_lines);
	REFUSE(require_lines);
}

static void
other_bytes(void **state)
{
	(void)state;
	REFUSE(bytes);
}

/* Everything at once, in odd white space. */
static void
right(void **state)
{
	static const char text[] =
	    "# whom we trust\n"
	    "\n"
	    "log @log https://log.example.org\n"
	    "\t log-time\t@time  \n"
	    WITNESSES
	    "witness w3 @w3 https://w3.example.org\n"
	    "group  a all w0 w1\n"
	    "group b 1 w2 w3\n"
	    "  # nested\n"
	    "group c any a b\n"
	    "quorum c\n"
	    "builder ours keys/builder.pem\n"
	    "builder theirs " HEX64 "\n"
	    "ak-root azure-2023 azure eku 1.2.3 policy 1.3.6.1\n"
	    "ak-root " HEX64 " sim simulated unmeasured-boot policy 1.2\n"
	    "ak-root amd-milan milan tcb 4.0.24.219\n"
	    "ak-root amd-turin turin tcb 1.2.3.4.5 id-key " HEX64
	    "0123456789abcdef0123456789abcdef id-key " HEX64
	    "00000000000000000000000000000000\n"
	    "ak-root amd-genoa genoa\n"
	    "vm " HEX64 "\n"
	    "image debian-vm_1.0 " HEX64 "\nimage other " OTHER "\n"
	    "pcr 0 " HEX64 " " OTHER "\npcr 7 " HEX64 "\npcr 0 " LONG64 "\n"
	    "measurements json:{\"measurements\":{\"4\":\"" HEX64 "\","
	    "\"9\":\"" OTHER "\",\"11\":\"" HEX64 "\"}}\n"
	    "allow debug-image\n"
	    "container c sha256:" HEX64 "\n"
	    "deny input sha256:" HEX64 "\n"
	    "deny input gitCommit:00112233\n"
	    "allow licence MIT Apache-2.0\n"
	    "allow self-asserted ours\n"
	    "require witness\nrequire earliest-time\nrequire ak-name\n"
	    "require confidential";
	struct spki key = fixture_spki(keys.builder);
	struct digest d = spki_digest(&key);
	struct message why = { "" };
	struct policy *p;
	size_t line, column;
	struct buf b = expand(text, &line, &column);

	(void)state;
	if (policy_parse(&p, buf_span(&b), &loader, &why) != AC_OK)
		fail_msg("%s", why.text);
	assert_int_equal(p->nlog, 1);
	assert_int_equal(p->nlog_time, 1);
	assert_int_equal(p->nnode, 7);
	assert_true(p->has_quorum && !p->quorum_none);
	assert_int_equal(p->quorum, 6);
	assert_int_equal(p->node[4].need, 2);
	assert_int_equal(p->node[5].need, 1);
	assert_int_equal(p->node[6].need, 1);
	assert_int_equal(p->nbuilder, 2);
	assert_true(policy_builder_by(p, &d) == &p->builder[0]);
	assert_true(p->builder[0].has_key && !p->builder[1].has_key);
	assert_int_equal(p->nak_root, 5);
	assert_false(p->ak_root[0].simulated);
	assert_string_equal(p->ak_root[0].eku, "1.2.3");
	assert_string_equal(p->ak_root[0].policy, "1.3.6.1");
	assert_true(p->ak_root[1].simulated && p->ak_root[1].unmeasured_boot);
	assert_string_equal(p->ak_root[1].eku, "2.23.133.8.3");
	assert_true(p->ak_root[2].snp && p->ak_root[3].snp &&
	    p->ak_root[4].snp && !p->ak_root[1].snp);
	assert_int_equal(p->ak_root[2].floor.fmc, 0);
	assert_int_equal(p->ak_root[2].floor.bootloader, 4);
	assert_int_equal(p->ak_root[2].floor.microcode, 219);
	assert_int_equal(p->ak_root[3].floor.fmc, 1);
	assert_int_equal(p->ak_root[3].floor.snp, 4);
	assert_int_equal(p->ak_root[3].floor.microcode, 5);
	/* Azure's, unless the line names its own. */
	assert_int_equal(p->ak_root[2].nid_key, 2);
	assert_int_equal(p->ak_root[3].nid_key, 2);
	assert_int_equal(p->ak_root[3].id_key[1][47], 0);
	assert_int_equal(p->ak_root[4].floor.microcode, 0);
	assert_int_equal(p->nvm, 1);
	assert_int_equal(p->nimage, 2);
	assert_string_equal(p->image[0].name.s, "debian-vm_1.0");
	assert_int_equal(p->image[1].d.b[0], 0x11);
	assert_int_equal(p->npcr, 4);
	assert_int_equal(p->pcr[1].index, 0);
	assert_int_equal(p->pcr[1].value.b[0], 0x11);
	assert_int_equal(p->pcr[2].index, 7);
	assert_int_equal(p->nmeasurements, 1);
	assert_int_equal(p->measurements[0].held, 0x0a10);
	assert_int_equal(p->measurements[0].pcr[9].b[0], 0x11);
	assert_true(p->allow_debug_image);
	assert_int_equal(p->ncontainer, 1);
	assert_int_equal(p->ndeny, 2);
	assert_true(p->allow_licence);
	assert_int_equal(p->nlicence, 2);
	assert_true(policy_allows_self_asserted(p, &p->builder[0]));
	assert_false(policy_allows_self_asserted(p, &p->builder[1]));
	assert_false(policy_allows_self_asserted(p, NULL));
	assert_true(p->require_witness && p->require_earliest_time &&
	    p->require_ak_name && p->require_confidential);
	assert_non_null(policy_log_by(p, span_str("log.example.org")));
	assert_null(policy_log_by(p, span_str("log.example.or")));
	assert_null(policy_log_by(p, span_str("log.example.org/time")));
	policy_free(p);
	buf_free(&b);
}

/* As many lines of a kind as there may be, and one more. */
static void
many(void **state)
{
	struct message why = { "" };
	struct policy *p;

	(void)state;
	for (size_t n = POLICY_LIST_MAX; n <= POLICY_LIST_MAX + 1; n++) {
		struct writer w;
		struct buf b;

		wr_init(&w, POLICY_MAX);
		wr_str(&w, NONE);
		for (size_t i = 0; i < n; i++)
			wr_str(&w, "vm " HEX64 "\n");
		assert_ok(wr_end(&w, &b));
		if (n == POLICY_LIST_MAX) {
			assert_ok(policy_parse(&p, buf_span(&b), &loader,
			    &why));
			policy_free(p);
		} else {
			assert_int_equal(policy_parse(&p, buf_span(&b),
			    &loader, &why), AC_ERR_LIMIT);
			assert_non_null(strstr(why.text, "line 258, column 1: "
			    "too many lines of this kind"));
		}
		buf_free(&b);
	}
}

/* Witnesses up to the cap: the quorum line is not one of them. */
static void
many_witnesses(void **state)
{
	struct message why = { "" };
	struct policy *p;

	(void)state;
	for (size_t n = POLICY_NODES_MAX; n <= POLICY_NODES_MAX + 1; n++) {
		struct writer w;
		struct buf b;

		wr_init(&w, POLICY_MAX);
		for (size_t i = 0; i < n; i++) {
			struct note_key key = keys.witness[0].key;

			key.pub[0] = (uint8_t)i;
			key.pub[1] = (uint8_t)(i >> 8);
			wr_printf(&w, "witness w%zu ", i);
			note_key_write(&w, &key);
			wr_u8(&w, '\n');
		}
		wr_str(&w, "quorum w0\nrequire witness\n");
		assert_ok(wr_end(&w, &b));
		if (n == POLICY_NODES_MAX) {
			if (policy_parse(&p, buf_span(&b), &loader, &why) !=
			    AC_OK)
				fail_msg("%s", why.text);
			policy_free(p);
		} else {
			assert_int_equal(policy_parse(&p, buf_span(&b),
			    &loader, &why), AC_ERR_LIMIT);
			assert_non_null(strstr(why.text, "line 129, column 1: "
			    "too many lines of this kind"));
		}
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),
		cmocka_unit_test(lines),
		cmocka_unit_test(our_lines),
		cmocka_unit_test(other_bytes),
		cmocka_unit_test(many),
		cmocka_unit_test(many_witnesses),
	};
	int failed;

	fixture_keys_new(&keys);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_keys_free(&keys);
	return failed;
}
