/* rules.c -- what a request may say; see rules.h. */
#include "cert/limits.h"
#include "cert/oms.h"
#include "common/text.h"
#include "producer/image.h"
#include "producer/rules.h"

/*
 * Variables that steer a training and hold no secret.  Short on purpose:
 * whatever else a program needs can stand in its command.
 */
static const char *const variables[] = {
	"CUBLAS_WORKSPACE_CONFIG",
	"CUDA_DEVICE_ORDER",
	"CUDA_VISIBLE_DEVICES",
	"HF_DATASETS_OFFLINE",
	"HF_HUB_OFFLINE",
	"LANG",
	"LC_ALL",
	"MKL_NUM_THREADS",
	"NCCL_DEBUG",
	"NCCL_P2P_DISABLE",
	"NUMEXPR_NUM_THREADS",
	"OMP_NUM_THREADS",
	"OPENBLAS_NUM_THREADS",
	"PYTHONHASHSEED",
	"PYTHONPATH",
	"PYTHONUNBUFFERED",
	"PYTORCH_CUDA_ALLOC_CONF",
	"TF_DETERMINISTIC_OPS",
	"TOKENIZERS_PARALLELISM",
	"TRANSFORMERS_OFFLINE",
	"TZ",
	"WANDB_MODE",
};
#define NVARIABLES (sizeof(variables) / sizeof(variables[0]))

/* What looks for a hub, or reports to one, unless it is told not to. */
static const struct rules_variable offline[] = {
	{ "HF_DATASETS_OFFLINE", "1" },
	{ "HF_HUB_OFFLINE", "1" },
	{ "TRANSFORMERS_OFFLINE", "1" },
	{ "WANDB_MODE", "offline" },
};
#define NOFFLINE (sizeof(offline) / sizeof(offline[0]))

bool
rules_name(struct span name)
{
	if (name.len == 0 || name.len > RULES_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			continue;
		if (i == 0 || (c != '.' && c != '_' && c != '-'))
			return false;
	}
	return true;
}

bool
rules_pin(struct digest *out, bool *download, struct span pin)
{
	static const char prefix[] = "sha256:", fetched[] = "download:";
	size_t n = sizeof(prefix) - 1, k = sizeof(fetched) - 1;

	*download = pin.len > k && span_is(span_of(pin.p, k), fetched);
	if (*download)
		pin = span_of(pin.p + k, pin.len - k);
	return pin.len > n && span_is(span_of(pin.p, n), prefix) &&
	    text_unhex_digest(out, span_of(pin.p + n, pin.len - n));
}

bool
rules_is_certified(const struct request_input *in)
{
	return span_is(in->type, "certificate");
}

bool
rules_is_archive(const struct request_input *in)
{
	return span_is(in->type, "archive");
}

bool
rules_floats_as(struct span *name, struct span pin, const char *kind)
{
	size_t n = strlen(kind);
	struct span s;

	if (pin.len <= n + 1 || !span_is(span_of(pin.p, n), kind) ||
	    pin.p[n] != ':')
		return false;
	s = span_of(pin.p + n + 1, pin.len - n - 1);
	/* Names of git and of hubs: no option among them. */
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '_' || (i > 0 &&
		    (c == '.' || c == '-' || c == '/'))))
			return false;
	}
	if (s.len > RULES_NAME_MAX)
		return false;
	*name = s;
	return true;
}

bool
rules_floats(struct span pin)
{
	struct span name;

	return span_is(pin, RULES_LATEST) ||
	    rules_floats_as(&name, pin, "branch") ||
	    rules_floats_as(&name, pin, "tag") ||
	    rules_floats_as(&name, pin, "revision");
}

/* s without before, which it begins with. */
static bool
behind(struct span *out, struct span s, struct span before)
{
	if (s.len < before.len ||
	    !span_equal(span_of(s.p, before.len), before))
		return false;
	*out = span_of(s.p + before.len, s.len - before.len);
	return true;
}

bool
rules_git_pin(struct span *hex, struct span pin)
{
	uint8_t id[32];
	struct span s;

	if (!behind(&s, pin, span_str("gitCommit:")) ||
	    (s.len != 40 && s.len != 64) || !text_unhex(id, s.len / 2, s))
		return false;
	*hex = s;
	return true;
}

bool
rules_is_git(const struct request_input *in)
{
	return span_is(in->type, "git");
}

bool
rules_is_hub(const struct request_input *in)
{
	struct span hex;

	return (span_is(in->type, "model") || span_is(in->type, "dataset")) &&
	    (rules_git_pin(&hex, in->pin) ||
	    rules_floats_as(&hex, in->pin, "revision"));
}

bool
rules_hub_name(struct span name)
{
	size_t slashes = 0, part = 0;

	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.p[i];

		if (c == '/') {
			if (part == 0 || slashes++ > 0)
				return false;
			part = 0;
			continue;
		}
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    !(c >= '0' && c <= '9') && c != '_' &&
		    (part == 0 || (c != '-' && c != '.')))
			return false;
		part++;
	}
	return part > 0 && name.len <= RULES_NAME_MAX;
}

bool
rules_is_lock(const struct request *r, size_t i, size_t *of,
    struct span *path)
{
	const struct request_input *in = &r->input[i];
	struct span s;

	if (!rules_is_git(in) || !span_is(in->role, RULES_LOCK_ROLE))
		return false;
	for (size_t k = 0; k < i; k++) {
		const struct request_input *whole = &r->input[k];

		if (!rules_is_git(whole) ||
		    !span_equal(whole->pin, in->pin) ||
		    !behind(&s, in->name, whole->name) ||
		    !span_is(s, RULES_LOCK) ||
		    !behind(&s, in->uri, whole->uri) ||
		    !behind(&s, s, span_str("#")) || !oms_path_is_valid(s))
			continue;
		*of = k;
		*path = s;
		return true;
	}
	return false;
}

static bool
is_text(struct span s, bool lines)
{
	if (s.len > WORD_MAX || !text_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] < 0x20 &&
		    !(lines && (s.p[i] == '\n' || s.p[i] == '\t'))) ||
		    s.p[i] == 0x7f)
			return false;
	return true;
}

bool
rules_text(struct span s)
{
	return s.len > 0 && is_text(s, false);
}

bool
rules_word(struct span s)
{
	return is_text(s, true);
}

bool
rules_glob(struct span glob)
{
	return oms_path_is_valid(glob);
}

bool
rules_env(struct span name)
{
	for (size_t i = 0; i < NVARIABLES; i++)
		if (span_is(name, variables[i]))
			return true;
	return false;
}

bool
rules_is_secret(struct span name)
{
	static const char *const word[] = { "TOKEN", "SECRET", "PASSW",
		"CREDENTIAL", "KEY", "AUTH", "COOKIE", "PRIVATE" };

	for (size_t k = 0; k < sizeof(word) / sizeof(word[0]); k++) {
		size_t n = strlen(word[k]);

		for (size_t i = 0; i + n <= name.len; i++) {
			size_t same = 0;

			while (same < n && (name.p[i + same] & ~0x20) ==
			    (uint8_t)word[k][same])
				same++;
			if (same == n)
				return true;
		}
	}
	return false;
}

bool
rules_has_state(struct span trainer)
{
	return span_is(trainer, RULES_AXOLOTL) ||
	    span_is(trainer, "hf-trainer");
}

const struct rules_variable *
rules_offline(size_t i)
{
	return i < NOFFLINE ? &offline[i] : NULL;
}

const char *
rules_env_name(size_t i)
{
	return i < NVARIABLES ? variables[i] : NULL;
}

static enum ac_err
wrong(struct message *why, enum ac_err e, struct span what, const char *text)
{
	message_set(why, "%s", "");
	message_add_quoted(why, what);
	message_add(why, " %s", text);
	return e;
}

/* Does the pin, which floats, do so as its type can? */
static bool
floats_well(const struct request_input *in)
{
	struct span name;

	if (rules_is_git(in))
		return rules_floats_as(&name, in->pin, "branch") ||
		    rules_floats_as(&name, in->pin, "tag");
	return rules_is_hub(in) || span_is(in->pin, RULES_LATEST);
}

static enum ac_err
check_input(const struct request *r, size_t i, bool floating,
    struct message *why)
{
	const struct request_input *in = &r->input[i];
	struct digest d;
	struct span s;
	bool download;
	size_t of;

	if (!rules_name(in->name))
		return wrong(why, AC_ERR_FORMAT, in->name, "is no name of an "
		    "input: use a-z, 0-9 and . _ -, first a letter or digit");
	for (size_t k = 0; k < i; k++)
		if (span_equal(in->name, r->input[k].name))
			return wrong(why, AC_ERR_FORMAT, in->name,
			    "is the name of two inputs");
	if (!span_is(in->type, "file") && !span_is(in->type, "dataset") &&
	    !rules_is_archive(in) && !span_is(in->type, "model") &&
	    !rules_is_git(in) && !rules_is_certified(in))
		return wrong(why, AC_ERR_UNSUPPORTED, in->type,
		    "is no type of an input that is built yet");
	if (rules_floats(in->pin)) {
		if (!floating)
			return wrong(why, AC_ERR_FORMAT, in->pin, "is a pin "
			    "that floats: \"aicert pin\" says what it means");
		if (!floats_well(in))
			return wrong(why, AC_ERR_FORMAT, in->pin, "is not how "
			    "a pin of this type floats: branch: or tag: of "
			    "git, revision: of a hub, latest of all else");
	} else if (rules_is_git(in)) {
		if (!rules_git_pin(&s, in->pin))
			return wrong(why, AC_ERR_FORMAT, in->pin, "is no pin "
			    "of a repository: gitCommit: and the 40 or 64 hex "
			    "digits of a commit");
	} else if (!rules_is_hub(in) && !rules_pin(&d, &download, in->pin)) {
		return wrong(why, AC_ERR_FORMAT, in->pin, "is no pin: "
		    "sha256: and 64 lower-case hex digits");
	}
	if (span_is(in->role, RULES_LOCK_ROLE) &&
	    !rules_is_lock(r, i, &of, &s))
		return wrong(why, AC_ERR_FORMAT, in->name, "is no lock file "
		    "of a repository");
	if (!rules_text(in->uri) || !rules_text(in->role) ||
	    !is_text(in->license, false))
		return wrong(why, AC_ERR_FORMAT, in->name, "has a uri, role or "
		    "licence that is not printable UTF-8");
	if (in->certificate.len > 0 && (!rules_is_certified(in) ||
	    !text_unhex_digest(&d, in->certificate)))
		return wrong(why, AC_ERR_FORMAT, in->certificate, "is no D of "
		    "a certificate that was verified");
	return AC_OK;
}

enum ac_err
rules_check_image(const struct request_input *image, struct message *why)
{
	struct image_reference ref;
	struct span folder;
	struct digest d;
	bool download;

	if (!span_is(image->name, RULES_IMAGE) || !rules_text(image->uri))
		return wrong(why, AC_ERR_FORMAT, image->uri,
		    "is no name of an image");
	if (!rules_pin(&d, &download, image->pin) || download)
		return wrong(why, AC_ERR_FORMAT, image->pin, "is no digest of "
		    "an image: sha256: and 64 lower-case hex digits");
	return image_is_layout(&folder, image->uri) ? AC_OK :
	    image_reference_decode(&ref, image->uri, why);
}

static enum ac_err
check_env(const struct request *r, size_t i, struct message *why)
{
	const struct request_env *v = &r->env[i];

	if (!rules_env(v->name))
		return wrong(why, AC_ERR_FORMAT, v->name,
		    "is no variable that a configuration may set");
	for (size_t k = 0; k < i; k++)
		if (span_equal(v->name, r->env[k].name))
			return wrong(why, AC_ERR_FORMAT, v->name,
			    "is set twice");
	if (!is_text(v->value, false))
		return wrong(why, AC_ERR_FORMAT, v->name,
		    "has a value that is not printable UTF-8");
	return AC_OK;
}

static enum ac_err
check(const struct request *r, bool floating, struct message *why)
{
	enum ac_err e = AC_OK;

	if (r->ncommand > WORDS_MAX || r->noutputs > WORDS_MAX ||
	    r->nenv > WORDS_MAX || r->ninputs > INPUTS_MAX) {
		message_set(why, "at most %d inputs, and %d words, outputs or "
		    "variables", INPUTS_MAX, WORDS_MAX);
		return AC_ERR_LIMIT;
	}
	if (!span_is(r->trainer, "command") && !rules_has_state(r->trainer))
		return wrong(why, AC_ERR_UNSUPPORTED, r->trainer,
		    "is no trainer that is built yet");
	if (!rules_text(r->config_name))
		return wrong(why, AC_ERR_FORMAT, r->config_name,
		    "is no name of a configuration");
	if (r->ncommand == 0 || r->noutputs == 0) {
		message_set(why, "a build needs a command and outputs");
		return AC_ERR_FORMAT;
	}
	for (size_t i = 0; i < r->ncommand; i++)
		if (!rules_word(r->command[i]))
			return wrong(why, AC_ERR_FORMAT, r->command[i],
			    "is no word of a command");
	if (r->command[0].len == 0)
		return wrong(why, AC_ERR_FORMAT, r->command[0],
		    "is no program");
	for (size_t i = 0; i < r->noutputs; i++)
		if (!rules_glob(r->output[i]))
			return wrong(why, AC_ERR_FORMAT, r->output[i],
			    "is no pattern of outputs");
	if (r->has_image)
		e = rules_check_image(&r->image, why);
	for (size_t i = 0; e == AC_OK && i < r->ninputs; i++)
		e = check_input(r, i, floating, why);
	for (size_t i = 0; e == AC_OK && i < r->nenv; i++)
		e = check_env(r, i, why);
	if (e == AC_OK && r->has_seed && r->seed > JSON_INT_MAX) {
		message_set(why, "the seed is over 2^53 - 1");
		e = AC_ERR_LIMIT;
	}
	return e;
}

enum ac_err
rules_check(const struct request *r, struct message *why)
{
	return check(r, false, why);
}

enum ac_err
rules_check_floating(const struct request *r, struct message *why)
{
	return check(r, true, why);
}
