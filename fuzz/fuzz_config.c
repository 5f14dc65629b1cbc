/*
 * Configurations, version 2 and the original's: what is accepted is a request
 * that reads back, whose words have no control characters and whose inputs
 * have distinct names; the same file says the same again.
 */
#include "common/sha256.h"
#include "fuzz/fuzz.h"
#include "producer/fetch_yaml.h"
#include "producer/rules.h"
#include "producer/wire.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_place *place = calloc(INPUTS_MAX + 1, sizeof(*place));
	struct buf answer = { 0 }, again = { 0 };
	struct wire_request asked = { 0 };
	const struct request *r = &asked.request;
	struct message why = { "" };

	fuzz_must(place != NULL);
	if (fetch_yaml(&answer, span_of(data, size), "dir/f", &why) != AC_OK) {
		fuzz_must(why.text[0] != '\0');
		free(place);
		return 0;
	}
	fuzz_must(wire_read_config(&asked, place, buf_span(&answer)) == AC_OK);
	fuzz_must(r->ncommand > 0 && r->noutputs > 0);
	for (size_t i = 0; i < r->ncommand; i++)
		fuzz_must(rules_word(r->command[i]));
	for (size_t i = 0; i < r->noutputs; i++)
		fuzz_must(rules_glob(r->output[i]));
	for (size_t i = 0; i < r->ninputs; i++) {
		fuzz_must(rules_name(r->input[i].name));
		fuzz_must(place[i].line > 0 && place[i].column > 0);
		for (size_t k = 0; k < i; k++)
			fuzz_must(!span_equal(r->input[i].name,
			    r->input[k].name));
	}
	for (size_t i = 0; i < r->nenv; i++)
		fuzz_must(rules_env(r->env[i].name));
	fuzz_must(fetch_yaml(&again, span_of(data, size), "dir/f", &why) ==
	    AC_OK);
	fuzz_must(span_equal(buf_span(&answer), buf_span(&again)));
	wire_request_free(&asked);
	buf_free(&answer);
	buf_free(&again);
	free(place);
	return 0;
}
