/*
 * The JSON gate beside cJSON, which is lenient: what the gate takes, cJSON
 * takes too and reads as the same values, and it equals itself.
 */
#include <cjson/cJSON.h>

#include "cert/json.h"
#include "cert/limits.h"
#include "fuzz/fuzz.h"

/* Is v what cJSON made of it?  What is in it is not looked at. */
static bool
is_same(struct json v, const cJSON *o)
{
	double d = o->valuedouble;
	struct span s;
	uint64_t u;
	bool b;

	if (o->string != NULL && !span_is(json_name(v), o->string))
		return false;
	if (cJSON_IsString(o))
		return json_string(v, &s) && span_is(s, o->valuestring);
	if (cJSON_IsNumber(o))
		return d < 0 || d > (double)(uint64_t)d ?
		    !json_uint(v, &u, JSON_INT_MAX) :
		    json_uint(v, &u, JSON_INT_MAX) && u == (uint64_t)d;
	if (cJSON_IsBool(o))
		return json_bool(v, &b) && b == cJSON_IsTrue(o);
	return json_is_object(v) == cJSON_IsObject(o) &&
	    json_is_array(v) == cJSON_IsArray(o);
}

static void
compare(struct json v, const cJSON *o)
{
	struct json above[JSON_DEPTH_MAX];
	const cJSON *other[JSON_DEPTH_MAX];
	size_t depth = 0;

	for (;;) {
		fuzz_must(is_same(v, o));
		fuzz_must(json_present(json_first(v)) == (o->child != NULL));
		if (o->child != NULL) {
			above[depth] = v;
			other[depth++] = o;
			v = json_first(v);
			o = o->child;
			continue;
		}
		while (depth > 0 && o->next == NULL) {
			fuzz_must(!json_present(json_next(v)));
			v = above[--depth];
			o = other[depth];
		}
		if (depth == 0)
			return;
		v = json_next(v);
		o = o->next;
		fuzz_must(json_present(v));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc = { 0 };
	enum ac_err e = json_parse(&doc, span_of(data, size));
	cJSON *other;

	fuzz_must(e != AC_ERR_MEMORY);
	fuzz_must((e == AC_OK) == (doc.root != NULL));
	if (e == AC_OK) {
		other = cJSON_ParseWithLength((const char *)data, size);
		fuzz_must(other != NULL);
		compare(json_root(&doc), other);
		cJSON_Delete(other);
		fuzz_must(json_equal(json_root(&doc), json_root(&doc)));
	}
	json_free(&doc);
	return 0;
}
