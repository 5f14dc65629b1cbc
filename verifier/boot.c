/* boot.c -- a grammar for each PCR; see boot.h. */
#include "common/sha256.h"
#include "verifier/boot.h"
#include "verifier/check.h"

#define BIT(pcr) (1u << (pcr))

/* Types that are judged by more than their place. */
#define SEPARATOR 0x00000004
#define VARIABLE 0x80000001u
#define APPLICATION 0x80000003u
#define ACTION 0x80000007u

/* PCRs of the firmware that only a list of values judges. */
#define FIRMWARE (BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(6))

#define CALLING "Calling EFI Application from Boot Option"
#define RETURNING "Returning from EFI Application from Boot Option"
#define EXITING "Exit Boot Services Invocation"
#define EXIT_FAILED "Exit Boot Services Returned with Failure"
#define EXIT_DONE "Exit Boot Services Returned with Success"

/* Which types there are, in which PCRs, and whether data is what is measured. */
static const struct type {
	uint32_t type;
	uint32_t pcrs;      /* before the separator, or where there is none */
	uint32_t after;     /* after it */
	bool measured;
} types[] = {
	{ 0x00000001, FIRMWARE, 0, false },                    /* post code */
	{ SEPARATOR, 0xff, 0xff, true },
	{ 0x00000005, FIRMWARE, 0, true },                     /* action */
	{ 0x00000006, FIRMWARE | BIT(5) | BIT(9) | BIT(11) | BIT(12) | BIT(13),
	  BIT(1) | BIT(5), false },                            /* event tag */
	{ 0x00000007, FIRMWARE, 0, false },                    /* CRTM contents */
	{ 0x00000008, FIRMWARE, 0, true },                     /* CRTM version */
	{ 0x00000009, FIRMWARE, 0, false },                    /* microcode */
	{ 0x0000000a, FIRMWARE, 0, false },                    /* platform flags */
	{ 0x0000000b, FIRMWARE, 0, false },                    /* devices */
	{ 0x0000000c, FIRMWARE, 0, false },                    /* compact hash */
	{ 0x0000000d, BIT(5) | BIT(9) | BIT(11) | BIT(12) | BIT(13), BIT(5),
	  false },                                             /* IPL */
	{ 0x0000000f, FIRMWARE, 0, false },                    /* other code */
	{ 0x00000010, FIRMWARE, 0, false },                    /* its settings */
	{ 0x00000011, FIRMWARE, 0, false },                    /* about it */
	{ 0x00000013, FIRMWARE, 0, false },                    /* post code 2 */
	{ VARIABLE, FIRMWARE | BIT(5) | BIT(7), 0, true },
	{ 0x80000002u, FIRMWARE, 0, false },                   /* boot variable */
	{ APPLICATION, BIT(2) | BIT(4), BIT(4), false },
	{ 0x80000004u, FIRMWARE, 0, false },                   /* boot driver */
	{ 0x80000005u, FIRMWARE, 0, false },                   /* other driver */
	{ 0x80000006u, BIT(5), BIT(5), true },                 /* partitions */
	{ ACTION, FIRMWARE | BIT(4) | BIT(5) | BIT(7), BIT(4) | BIT(5), true },
	{ 0x80000008u, FIRMWARE, 0, false },                   /* firmware blob */
	{ 0x80000009u, FIRMWARE, 0, false },                   /* tables */
	{ 0x8000000au, FIRMWARE, 0, false },                   /* blob 2 */
	{ 0x8000000bu, FIRMWARE, 0, false },                   /* tables 2 */
	{ 0x8000000cu, FIRMWARE, 0, true },                    /* boot variable 2 */
	{ 0x80000010u, BIT(0), 0, false },                     /* H-CRTM */
	{ 0x800000e0u, BIT(7), BIT(7), false },                /* authority */
	{ 0x800000e1u, FIRMWARE, 0, false },                   /* SPDM firmware */
	{ 0x800000e2u, FIRMWARE, 0, false },                   /* SPDM settings */
	{ 0x800000e3u, BIT(7), 0, false },                     /* SPDM policy */
	{ 0x800000e4u, BIT(7), BIT(7), false },                /* SPDM authority */
};

/* What stands next in PCR 4. */
enum pcr4 {
	WANT_CALL,
	WANT_SEPARATOR,
	WANT_IMAGE,      /* or the return of an option that failed */
	WANT_NEXT_CALL,
	WANT_KERNEL,     /* unless Secure Boot is on */
	WANT_NOTHING,
};

/* The variables that PCR 7 begins with, in this order. */
static const char *const variables[] = { "SecureBoot", "PK", "KEK", "db",
	"dbx" };
#define NVARIABLES (AC_COUNT(variables))

struct walk {
	struct boot boot;
	struct message *why;
	size_t number;         /* of the event, from 1 */
	uint32_t separated;    /* PCRs whose separator was seen */
	enum pcr4 next;
	size_t nvariables;     /* of those that PCR 7 begins with */
	bool exiting;          /* the firmware hands over */
	bool exited;
};

/* What is wrong with the event that is looked at. */
static enum ac_err
wrong(const struct walk *w, const struct eventlog_event *e, const char *what)
{
	return BECAUSE(w->why, AC_ERR_MISMATCH, "event %zu of the boot log, of "
	    "PCR %lu: %s", w->number, (unsigned long)e->pcr, what);
}

static const struct type *
find_type(uint32_t type)
{
	for (size_t i = 0; i < AC_COUNT(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

static bool
measures(const struct eventlog_event *e, const char *text)
{
	struct digest d = sha256_of(span_str(text));

	return digest_equal(&d, &e->sha256);
}

static bool
is_separator(const struct eventlog_event *e)
{
	struct digest d = sha256_of(span_of("\0\0\0\0", 4));

	return digest_equal(&d, &e->sha256);
}

/* Is the digest that of a text which only an action has? */
static bool
is_action(const struct eventlog_event *e)
{
	static const char *const texts[] = { CALLING, RETURNING, EXITING,
		EXIT_FAILED, EXIT_DONE };

	for (size_t i = 0; i < AC_COUNT(texts); i++)
		if (measures(e, texts[i]))
			return true;
	return false;
}

/* May an event of this type stand here, and say what it says? */
static enum ac_err
check_type(const struct walk *w, const struct eventlog_event *e)
{
	const struct type *t = find_type(e->type);
	uint32_t bit = BIT(e->pcr), may = 0;
	struct digest d = sha256_of(e->data);

	if (t != NULL)
		may = (w->separated & bit) != 0 ? t->after : t->pcrs;
	if (!CHECK(boot_separator_once, e->type != SEPARATOR ||
	    (w->separated & bit) == 0))
		return wrong(w, e, "a second separator");
	if (!CHECK(boot_type, (may & bit) != 0))
		return wrong(w, e, "an event of this type has no place here");
	if (!CHECK(boot_data, t == NULL || !t->measured ||
	    digest_equal(&d, &e->sha256)))
		return wrong(w, e, "its digest is not that of its data");
	if (!CHECK(boot_separator_type, is_separator(e) ==
	    (e->type == SEPARATOR)))
		return wrong(w, e, e->type == SEPARATOR ?
		    "the separator says that an error occurred" :
		    "a separator under another type");
	if (!CHECK(boot_action_type, e->type == ACTION || !is_action(e)))
		return wrong(w, e, "an action under another type");
	return AC_OK;
}

/* PCR 4: call, separator, (return, call)*, image, kernel. */
static enum ac_err
check_pcr4(struct walk *w, const struct eventlog_event *e)
{
	bool call = measures(e, CALLING), back = measures(e, RETURNING);
	enum pcr4 next = w->next;

	if (call && next == WANT_CALL) {
		w->next = WANT_SEPARATOR;
	} else if (call && next == WANT_NEXT_CALL) {
		w->next = WANT_IMAGE;
	} else if (e->type == SEPARATOR && next == WANT_SEPARATOR) {
		w->next = WANT_IMAGE;
	} else if (back && next == WANT_IMAGE) {
		w->next = WANT_NEXT_CALL;
		w->boot.failed++;
	} else if (e->type == APPLICATION && next == WANT_IMAGE) {
		w->next = WANT_KERNEL;
		w->boot.image = e->sha256;
	} else if (e->type == APPLICATION && next == WANT_KERNEL) {
		w->next = WANT_NOTHING;
		w->boot.kernel = e->sha256;
		w->boot.has_kernel = true;
	} else if (!CHECK(boot_order, false)) {
		return wrong(w, e, "stands out of order; expected are the call "
		    "of a boot option, the separator, returns and calls of "
		    "options that failed, the image, and its kernel unless "
		    "Secure Boot is on");
	}
	return AC_OK;
}

/* Is name, in UTF-16, the ASCII text? */
static bool
name_is(struct span name, const char *text)
{
	if (name.len != 2 * strlen(text))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] != (i % 2 == 0 ? (uint8_t)text[i / 2] : 0))
			return false;
	return true;
}

/* A UEFI_VARIABLE_DATA: GUID, lengths, name, value, nothing else. */
static bool
parse_variable(struct span *guid, struct span *name, struct span *value,
    struct span data)
{
	struct reader r = rd_of(data);
	uint64_t namelen, valuelen;

	return rd_take(&r, guid, 16) && rd_le64(&r, &namelen) &&
	    rd_le64(&r, &valuelen) && namelen <= data.len &&
	    valuelen <= data.len && rd_take(&r, name, 2 * (size_t)namelen) &&
	    rd_take(&r, value, (size_t)valuelen) && rd_end(&r);
}

/* PCR 7 begins with the five variables; the first says the state. */
static enum ac_err
check_pcr7(struct walk *w, const struct eventlog_event *e)
{
	/* EFI_GLOBAL_VARIABLE, of SecureBoot, PK and KEK. */
	static const uint8_t global[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93,
		0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
	struct span guid, name, value;

	if (e->type == SEPARATOR) {
		if (!CHECK(boot_variables, w->nvariables == NVARIABLES))
			return wrong(w, e, "the separator comes before "
			    "SecureBoot, PK, KEK, db and dbx");
		return AC_OK;
	}
	if (e->type != VARIABLE)
		return AC_OK;
	if (!parse_variable(&guid, &name, &value, e->data))
		return wrong(w, e, "malformed as a UEFI variable");
	if (w->nvariables == NVARIABLES) {
		if (!CHECK(boot_variable_again, !name_is(name, variables[0])))
			return wrong(w, e, "SecureBoot a second time");
		return AC_OK;
	}
	if (!CHECK(boot_variable_order, name_is(name, variables[w->nvariables]) &&
	    (w->nvariables > 2 || ac_equal(guid.p, global, sizeof(global)))))
		return wrong(w, e, "expected the variables SecureBoot, PK, "
		    "KEK, db and dbx, in this order");
	if (w->nvariables++ > 0)
		return AC_OK;
	if (!CHECK(boot_secure_boot, value.len == 0 ||
	    (value.len == 1 && value.p[0] <= 1)))
		return wrong(w, e, "SecureBoot is neither 0 nor 1");
	w->boot.secure_boot = value.len == 1 && value.p[0] == 1;
	return AC_OK;
}

/* Once the firmware hands over, it says only how that went. */
static enum ac_err
check_exit(struct walk *w, const struct eventlog_event *e)
{
	bool leaving = e->pcr == 5 && (measures(e, EXITING) ||
	    measures(e, EXIT_FAILED) || measures(e, EXIT_DONE));

	if (!CHECK(boot_exit, !w->exited && (leaving || !w->exiting)))
		return wrong(w, e, "stands after the firmware handed over");
	if (leaving)
		w->exiting = true;
	if (leaving && measures(e, EXIT_DONE))
		w->exited = true;
	return AC_OK;
}

static enum ac_err
check_event(struct walk *w, const struct eventlog_event *e)
{
	enum ac_err error = check_type(w, e);

	if (error == AC_OK)
		error = check_exit(w, e);
	if (error == AC_OK && e->pcr == 4)
		error = check_pcr4(w, e);
	if (error == AC_OK && e->pcr == 7)
		error = check_pcr7(w, e);
	if (error == AC_OK && e->type == SEPARATOR)
		w->separated |= BIT(e->pcr);
	return error;
}

/* After the last event. */
static enum ac_err
check_end(const struct walk *w)
{
	for (unsigned pcr = 0; pcr < 8; pcr++) {
		if (!CHECK(boot_separator_missing,
		    (w->separated >> pcr & 1) != 0))
			return BECAUSE(w->why, AC_ERR_MISMATCH, "the boot log "
			    "has no separator of PCR %u", pcr);
	}
	if (!CHECK(boot_image, w->next == WANT_KERNEL ||
	    w->next == WANT_NOTHING))
		return BECAUSE(w->why, AC_ERR_MISMATCH, "the boot log has no "
		    "image in PCR 4");
	if (!CHECK(boot_kernel, w->boot.has_kernel != w->boot.secure_boot))
		return BECAUSE(w->why, AC_ERR_MISMATCH, w->boot.secure_boot ?
		    "PCR 4 holds a kernel of its own, though Secure Boot is on" :
		    "PCR 4 holds no kernel, though Secure Boot is off");
	return AC_OK;
}

enum ac_err
boot_check(struct boot *out, const struct eventlog *log, struct message *why)
{
	struct reader r = eventlog_begin(log);
	struct walk w = { .why = why };
	struct eventlog_event e;
	enum ac_err error;

	while (eventlog_next(&e, &r, log)) {
		w.number++;
		if (e.type == EVENTLOG_NO_ACTION)
			continue;
		error = check_event(&w, &e);
		if (error != AC_OK)
			return error;
	}
	error = check_end(&w);
	if (error == AC_OK)
		*out = w.boot;
	return error;
}
