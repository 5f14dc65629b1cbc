/*
 * energy.c -- counters of energy; see energy.h.  The one door to NVML, which
 * is loaded where it is installed and wanted, and needs nothing to build.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "producer/energy.h"

#define ZONES_MAX 64    /* packages and their memory; two of each are usual */
#define VALUE_MAX 64    /* bytes of a file of sysfs that holds one value */
#define PATH_LEN 512
#define UJ_PER_MJ 1000
#define NVML_SUCCESS 0

/* A counter of RAPL, in microjoules. */
struct zone {
	char path[PATH_LEN]; /* of its folder */
	enum energy_part part;
	bool readable;
	uint64_t last, range; /* it counts from 0 to range */
};

/* As nvml.h has them. */
typedef int nvml_call(void);
typedef int nvml_count(unsigned *n);
typedef int nvml_device(unsigned i, void **device);
typedef int nvml_energy(void *device, unsigned long long *mj);
typedef int nvml_name(void *device, char *name, unsigned len);

struct gpu {
	void *device;
	uint64_t last; /* millijoules since the driver was loaded */
	char name[ENERGY_GPU_NAME_MAX];
};

struct energy {
	struct zone zone[ZONES_MAX];
	size_t nzones;
	void *library; /* NULL: none */
	nvml_call *shutdown;
	nvml_energy *read_gpu;
	struct gpu gpu[ENERGY_GPUS_MAX];
	size_t ngpus;
	bool known[ENERGY_PARTS];
	uint64_t used[ENERGY_PARTS]; /* microjoules; of GPUs millijoules */
};

/* ---- RAPL ---- */

/* The one line of a file; false: it is not there, or not of that form. */
static bool
read_text(char out[VALUE_MAX], const char *folder, const char *name)
{
	char path[PATH_LEN];
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >=
	    (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, out, VALUE_MAX - 1);
	(void)close(fd);
	if (n <= 0 || n == VALUE_MAX - 1)
		return false;
	out[n - (out[n - 1] == '\n')] = '\0';
	return true;
}

static bool
read_number(uint64_t *out, const char *folder, const char *name)
{
	char text[VALUE_MAX];

	return read_text(text, folder, name) &&
	    text_undec(out, span_str(text), UINT64_MAX);
}

/*
 * Packages, and the memory beside them.  "core" and "uncore" are parts of a
 * package, "psys" is the whole board, and intel-rapl-mmio the same counters
 * once more.
 */
static void
add_zone(struct energy *e, const char *powercap, const char *name)
{
	struct zone *z = &e->zone[e->nzones];
	char label[VALUE_MAX];

	if (strncmp(name, "intel-rapl:", 11) != 0 || e->nzones == ZONES_MAX ||
	    snprintf(z->path, sizeof(z->path), "%s/%s", powercap, name) >=
	    (int)sizeof(z->path) || !read_text(label, z->path, "name"))
		return;
	if (strncmp(label, "package-", 8) == 0)
		z->part = ENERGY_CPU;
	else if (strcmp(label, "dram") == 0)
		z->part = ENERGY_DRAM;
	else
		return;
	z->readable = read_number(&z->last, z->path, "energy_uj") &&
	    read_number(&z->range, z->path, "max_energy_range_uj");
	e->nzones++;
}

static void
find_zones(struct energy *e, const char *sysfs)
{
	char powercap[PATH_LEN];
	struct dirent *entry;
	DIR *dir;

	if (snprintf(powercap, sizeof(powercap), "%s/class/powercap", sysfs) >=
	    (int)sizeof(powercap))
		return;
	dir = opendir(powercap);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		add_zone(e, powercap, entry->d_name);
	(void)closedir(dir);
	for (size_t i = 0; i < e->nzones; i++)
		e->known[e->zone[i].part] = true;
	/* A sum of which one part is missing is not known. */
	for (size_t i = 0; i < e->nzones; i++)
		if (!e->zone[i].readable)
			e->known[e->zone[i].part] = false;
}

static void
read_zone(struct energy *e, struct zone *z)
{
	uint64_t now;

	if (!e->known[z->part])
		return;
	if (!read_number(&now, z->path, "energy_uj") || now > z->range) {
		e->known[z->part] = false;
		return;
	}
	e->used[z->part] += now >= z->last ? now - z->last :
	    z->range - z->last + now;
	z->last = now;
}

/* ---- NVML ---- */

/* The address of a function; false: the library has none of that name. */
static bool
find_function(void *out, void *library, const char *name)
{
	void *p = dlsym(library, name);

	/* POSIX says that the two kinds of pointers are alike. */
	memcpy(out, &p, sizeof(p));
	return p != NULL;
}

static void
find_gpus(struct energy *e, const char *nvml)
{
	nvml_call *init;
	nvml_count *count;
	nvml_device *device;
	nvml_name *name;
	unsigned n;

	e->library = dlopen(nvml, RTLD_NOW | RTLD_LOCAL);
	if (e->library == NULL)
		return;
	if (!find_function(&init, e->library, "nvmlInit_v2") ||
	    !find_function(&e->shutdown, e->library, "nvmlShutdown") ||
	    !find_function(&count, e->library, "nvmlDeviceGetCount_v2") ||
	    !find_function(&device, e->library,
	    "nvmlDeviceGetHandleByIndex_v2") ||
	    !find_function(&name, e->library, "nvmlDeviceGetName") ||
	    !find_function(&e->read_gpu, e->library,
	    "nvmlDeviceGetTotalEnergyConsumption") ||
	    init() != NVML_SUCCESS) {
		e->shutdown = NULL;
		return;
	}
	if (count(&n) != NVML_SUCCESS || n == 0 || n > ENERGY_GPUS_MAX)
		return;
	e->known[ENERGY_GPU] = true;
	for (unsigned i = 0; i < n; i++) {
		struct gpu *g = &e->gpu[e->ngpus];
		unsigned long long mj;

		if (device(i, &g->device) != NVML_SUCCESS) {
			e->known[ENERGY_GPU] = false;
			continue;
		}
		if (name(g->device, g->name, sizeof(g->name)) != NVML_SUCCESS)
			g->name[0] = '\0';
		g->name[sizeof(g->name) - 1] = '\0';
		/* Older ones do not count. */
		if (e->read_gpu(g->device, &mj) == NVML_SUCCESS)
			g->last = mj;
		else
			e->known[ENERGY_GPU] = false;
		e->ngpus++;
	}
}

static void
read_gpu(struct energy *e, struct gpu *g)
{
	unsigned long long now;

	if (!e->known[ENERGY_GPU])
		return;
	/* It counts up, unless the driver was loaded anew. */
	if (e->read_gpu(g->device, &now) != NVML_SUCCESS || now < g->last) {
		e->known[ENERGY_GPU] = false;
		return;
	}
	e->used[ENERGY_GPU] += now - g->last;
	g->last = now;
}

/* ---- both ---- */

enum ac_err
energy_open(struct energy **out, const char *sysfs, const char *nvml)
{
	struct energy *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return AC_ERR_MEMORY;
	find_zones(e, sysfs);
	if (nvml != NULL)
		find_gpus(e, nvml);
	*out = e;
	return AC_OK;
}

void
energy_read(struct energy *e)
{
	for (size_t i = 0; i < e->nzones; i++)
		read_zone(e, &e->zone[i]);
	for (size_t i = 0; i < e->ngpus; i++)
		read_gpu(e, &e->gpu[i]);
}

bool
energy_used(const struct energy *e, enum energy_part part, uint64_t *mj)
{
	if (!e->known[part])
		return false;
	*mj = part == ENERGY_GPU ? e->used[part] : e->used[part] / UJ_PER_MJ;
	return true;
}

size_t
energy_gpus(const struct energy *e)
{
	return e->ngpus;
}

const char *
energy_gpu_name(const struct energy *e, size_t i)
{
	return e->gpu[i].name;
}

void
energy_free(struct energy *e)
{
	if (e == NULL)
		return;
	if (e->shutdown != NULL)
		(void)e->shutdown();
	if (e->library != NULL)
		(void)dlclose(e->library);
	free(e);
}
