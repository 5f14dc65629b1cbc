/* glob.c -- patterns of paths; see glob.h. */
#include "common/glob.h"

bool
glob_matches(struct span glob, struct span path)
{
	/* Does what was read of glob match the first i bytes of path? */
	bool at[GLOB_PATH_MAX + 1] = { true };

	if (path.len > GLOB_PATH_MAX)
		return false;
	for (size_t g = 0; g < glob.len; g++) {
		struct span left = span_of(glob.p + g, glob.len - g);
		bool folders = span_begins(left, "**/");
		bool deep = span_begins(left, "**");
		bool before = false; /* some i so far; of '*' the last one */
		uint8_t c = glob.p[g];

		g += folders ? 2 : deep;
		for (size_t i = 0; c == '*' && i <= path.len; i++) {
			uint8_t last = i > 0 ? path.p[i - 1] : '/';
			bool was = at[i];

			at[i] = folders ? (was || before) && last == '/' :
			    was || (before && (deep || last != '/'));
			before = deep ? before || was : at[i];
		}
		for (size_t i = path.len; c != '*' && i > 0; i--)
			at[i] = at[i - 1] && (c == path.p[i - 1] ||
			    (c == '?' && path.p[i - 1] != '/'));
		at[0] = at[0] && c == '*';
	}
	return at[path.len];
}
