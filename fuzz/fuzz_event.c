/* Event lines: one that is read names its type and has both its parts. */
#include "cert/event.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event ev = { 0 };

	if (event_decode(&ev, span_of(data, size)) != AC_OK)
		return 0;
	fuzz_must(json_is(json_get(json_root(&ev.doc), "event_type"),
	    event_name(ev.type)));
	fuzz_must(json_is_object(ev.spec) && json_is_object(ev.resolved));
	if (ev.type == EVENT_CONFIGURATION)
		fuzz_must(request_check(ev.spec));
	event_free(&ev);
	return 0;
}
