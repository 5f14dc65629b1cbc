/* figures.c -- figures of a run; see figures.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/limits.h"
#include "common/reader.h"
#include "producer/figures.h"
#include "producer/measure.h"
#include "producer/tree.h"
#include "producer/world.h"

#define STATE "trainer_state.json"
#define STATE_S 600        /* to read one of a gigabyte */
#define ANSWER_MAX 512
#define VALUE_MAX 40       /* bytes of a figure, as EVENT_FIGURES_FORM */
#define FRACTION_MAX 9
#define THOUSAND 1000

void
figures_add(struct figures *f, const char *name, uint64_t thousandths,
    const char *unit, const char *assurance)
{
	struct figure *out = &f->figure[f->n];

	if (f->n == FIGURES_MAX)
		return;
	*out = (struct figure){ .name = name, .unit = unit,
		.assurance = assurance };
	(void)snprintf(out->value, sizeof(out->value), "%llu.%03u",
	    (unsigned long long)(thousandths / THOUSAND),
	    (unsigned)(thousandths % THOUSAND));
	f->n++;
}

void
figures_add_energy(struct figures *f, const struct energy *e,
    const char *assurance)
{
	static const char *const name[ENERGY_PARTS] = {
		[ENERGY_CPU] = "cpuJoules",
		[ENERGY_DRAM] = "dramJoules",
		[ENERGY_GPU] = "gpuJoules",
	};
	uint64_t mj;

	for (int part = 0; part < ENERGY_PARTS; part++)
		/* A counter that stands still, as in some machines, is none. */
		if (energy_used(e, (enum energy_part)part, &mj) && mj > 0)
			figures_add(f, name[part], mj, "J", assurance);
}

/* ---- trainer_state.json ---- */

static size_t
depth_of(struct span path)
{
	size_t n = 0;

	for (size_t i = 0; i < path.len; i++)
		n += path.p[i] == '/';
	return n;
}

/* Of files in order of name: which is it? */
static const struct oms_file *
choose(const struct measure_files *files)
{
	const struct oms_file *best = &files->file[0];

	for (size_t i = 1; i < files->n; i++) {
		const struct oms_file *f = &files->file[i];
		size_t depth = depth_of(f->name), least = depth_of(best->name);

		/* checkpoint-1000 is after checkpoint-500. */
		if (depth < least ||
		    (depth == least && f->name.len >= best->name.len))
			best = f;
	}
	return best;
}

/* *out = a descriptor of the file; AC_ERR_NOT_FOUND: there is none. */
static enum ac_err
open_state(int *out, int dir_fd, struct message *why)
{
	const struct span glob = span_str("**/" STATE);
	struct measure_files files = { 0 };
	const struct oms_file *chosen;
	struct stat st;
	enum ac_err e = measure_list(&files, dir_fd, &glob, 1, why);
	char path[FILE_PATH_MAX + 1];
	int fd = -1;

	if (e == AC_OK && files.n == 0)
		e = BECAUSE(why, AC_ERR_NOT_FOUND, "it left no " STATE);
	if (e != AC_OK)
		goto out;
	chosen = choose(&files);
	e = BECAUSE(why, AC_ERR_FORMAT, "its " STATE " is no file that can be "
	    "read");
	if (chosen->name.len > FILE_PATH_MAX)
		goto out;
	memcpy(path, chosen->name.p, chosen->name.len);
	path[chosen->name.len] = '\0';
	fd = tree_open(dir_fd, path, O_RDONLY | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		goto out;
	*out = fd;
	fd = -1; /* transferred */
	e = AC_OK;
out:
	if (fd >= 0)
		(void)close(fd);
	measure_files_free(&files);
	return e;
}

/* Is it a plain decimal, as a figure has it? */
static bool
is_value(struct span s)
{
	size_t point = s.len, digits = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.' && point == s.len && i > 0)
			point = i;
		else if (s.p[i] >= '0' && s.p[i] <= '9')
			digits++;
		else
			return false;
	}
	return digits > 0 && s.len <= VALUE_MAX &&
	    (point == s.len || (point + 1 < s.len &&
	    s.len - 1 - point <= FRACTION_MAX)) &&
	    (s.p[0] != '0' || point == 1);
}

static bool
take_line(struct figures *f, struct span line)
{
	static const struct {
		const char *name, *unit;
	} known[] = {
		{ "flops", "FLOP" }, { "tokens", "token" }, { "steps", "step" },
	};
	struct figure *out = &f->figure[f->n];
	struct reader r = rd_of(line);
	struct span name;

	if (!rd_until(&r, &name, ' ') || !is_value(r.left) ||
	    f->n == FIGURES_MAX)
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!span_is(name, known[i].name))
			continue;
		*out = (struct figure){ .name = known[i].name,
			.unit = known[i].unit, .assurance = "reported" };
		memcpy(out->value, r.left.p, r.left.len);
		f->n++;
		return true;
	}
	return false;
}

/* The helper's answer: lines of "name value". */
static bool
take_answer(struct figures *f, struct span answer)
{
	struct reader r = rd_of(answer);
	struct figures all = *f;
	struct span line;

	while (!rd_end(&r)) {
		if (!rd_line(&r, &line) || !take_line(&all, line))
			return false;
		/* A figure has one name. */
		for (size_t i = f->n; i + 1 < all.n; i++)
			if (all.figure[i].name == all.figure[all.n - 1].name)
				return false;
	}
	*f = all;
	return true;
}

enum ac_err
figures_add_reported(struct figures *f, int dir_fd, struct message *why)
{
	struct world_spec spec = { .verb = "state", .in_fd = -1,
		.wall_s = STATE_S };
	struct message said = { "" };
	struct buf answer = { 0 };
	enum ac_err e = open_state(&spec.in_fd, dir_fd, why);

	if (e != AC_OK)
		return e;
	e = world_ask(&answer, &spec, ANSWER_MAX, -1, &said);
	(void)close(spec.in_fd);
	if (e != AC_OK)
		message_set(why, "its " STATE ": %s", said.text);
	else if (answer.len == 0)
		e = BECAUSE(why, AC_ERR_NOT_FOUND, "its " STATE " has none");
	else if (!take_answer(f, buf_span(&answer)))
		e = BECAUSE(why, AC_ERR_FORMAT, "its " STATE " cannot be "
		    "understood");
	buf_free(&answer);
	return e;
}
