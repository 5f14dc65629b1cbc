/*
 * Counters of energy, on a tree as the kernel's powercap folder has it
 * (its documented layout, of two packages: zones are links, parts of a
 * package lie beside it) and on a stand-in for NVML.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "producer/energy.h"
#include "producer/tree.h"
#include "tests/test.h"

#define RANGE "262143328850"

static char top[] = "/tmp/aicert-energy-XXXXXX";

static void
put(const char *zone, const char *file, const char *value)
{
	char path[512], line[128];

	(void)snprintf(path, sizeof(path), "%s/devices/%s/%s", top, zone,
	    file);
	(void)snprintf(line, sizeof(line), "%s\n", value);
	assert_ok(file_write(path, span_str(line), 0644));
}

static void
make_zone(const char *zone, const char *name, const char *uj)
{
	char path[512], link[512];

	(void)snprintf(path, sizeof(path), "%s/devices/%s", top, zone);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "../../devices/%s", zone);
	(void)snprintf(link, sizeof(link), "%s/class/powercap/%s", top, zone);
	assert_int_equal(symlink(path, link), 0);
	put(zone, "name", name);
	put(zone, "enabled", "0");
	put(zone, "max_energy_range_uj", RANGE);
	put(zone, "energy_uj", uj);
}

static int
set_up(void **state)
{
	static const char *const folders[] = { "", "/devices", "/class",
		"/class/powercap", "/devices/intel-rapl" };
	char path[512], link[512];

	(void)state;
	memcpy(top + sizeof(top) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(top));
	for (size_t i = 1; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", top, folders[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	(void)snprintf(link, sizeof(link), "%s/class/powercap/intel-rapl", top);
	assert_int_equal(symlink("../../devices/intel-rapl", link), 0);
	make_zone("intel-rapl:0", "package-0", "1000000");
	make_zone("intel-rapl:0:0", "core", "5");
	make_zone("intel-rapl:0:1", "dram", "700000");
	make_zone("intel-rapl:1", "package-1", "262143328000");
	make_zone("intel-rapl:2", "psys", "9");
	make_zone("intel-rapl-mmio:0", "package-0", "1000000");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return tree_remove(top) == AC_OK ? 0 : -1;
}

static struct energy *
opened(const char *nvml)
{
	struct energy *e = NULL;

	assert_ok(energy_open(&e, top, nvml));
	return e;
}

static void
used(const struct energy *e, enum energy_part part, uint64_t expected)
{
	uint64_t mj = 0;

	assert_true(energy_used(e, part, &mj));
	assert_int_equal(mj, expected);
}

static void
unknown(const struct energy *e, enum energy_part part)
{
	uint64_t mj = 77;

	assert_false(energy_used(e, part, &mj));
	assert_int_equal(mj, 77);
}

/* Packages are added up once, and their memory apart; one wraps around. */
static void
rapl(void **state)
{
	struct energy *e = opened(NULL);

	(void)state;
	used(e, ENERGY_CPU, 0);
	put("intel-rapl:0", "energy_uj", "3500000");
	put("intel-rapl:0:0", "energy_uj", "900000000");
	put("intel-rapl:0:1", "energy_uj", "701999");
	put("intel-rapl:1", "energy_uj", "499150");
	put("intel-rapl:2", "energy_uj", "900000000");
	put("intel-rapl-mmio:0", "energy_uj", "900000000");
	energy_read(e);
	/* 2,500,000 and 850 + 499,150 microjoules. */
	used(e, ENERGY_CPU, 3000);
	used(e, ENERGY_DRAM, 1);
	unknown(e, ENERGY_GPU);
	put("intel-rapl:1", "energy_uj", "0");
	energy_read(e);
	/* Around once more: the whole range less 499,150. */
	used(e, ENERGY_CPU, (2500000 + 500000 + 262143328850 - 499150) / 1000);
	energy_free(e);
}

/* A sum of which a part is missing is no sum. */
static void
missing(void **state)
{
	static const char *const file[] = { "energy_uj",
		"max_energy_range_uj" };
	char path[512];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct energy *e;

		(void)snprintf(path, sizeof(path),
		    "%s/devices/intel-rapl:1/%s", top, file[i]);
		assert_int_equal(unlink(path), 0);
		e = opened(NULL);
		energy_read(e);
		unknown(e, ENERGY_CPU);
		used(e, ENERGY_DRAM, 0);
		energy_free(e);
		put("intel-rapl:1", file[i], RANGE);
	}
}

/* One that fails on the way, or says what it cannot. */
static void
broken(void **state)
{
	static const char *const value[] = { "", "x", "-1", "262143328851",
		"99999999999999999999999" };

	(void)state;
	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		struct energy *e;

		put("intel-rapl:0:1", "energy_uj", "5");
		e = opened(NULL);
		put("intel-rapl:0:1", "energy_uj", value[i]);
		energy_read(e);
		unknown(e, ENERGY_DRAM);
		/* It stays so, whatever it says later. */
		put("intel-rapl:0:1", "energy_uj", "8");
		energy_read(e);
		unknown(e, ENERGY_DRAM);
		used(e, ENERGY_CPU, 0);
		energy_free(e);
	}
}

static void
absent(void **state)
{
	struct energy *e = NULL;

	(void)state;
	assert_ok(energy_open(&e, "/nowhere", "/nowhere/libnvidia-ml.so.1"));
	energy_read(e);
	for (int part = 0; part < ENERGY_PARTS; part++)
		unknown(e, (enum energy_part)part);
	assert_int_equal(energy_gpus(e), 0);
	energy_free(e);
	energy_free(NULL);
}

static void
gpus(void **state)
{
	struct energy *e;

	(void)state;
	assert_int_equal(setenv("FAKE_NVML_GPUS", "", 1), 0);
	e = opened(FAKE_NVML);
	assert_int_equal(energy_gpus(e), 2);
	assert_string_equal(energy_gpu_name(e, 1), "Test GPU 1");
	used(e, ENERGY_GPU, 0);
	energy_read(e);
	energy_read(e);
	used(e, ENERGY_GPU, 6000);
	energy_free(e);
}

static void
gpus_that_do_not_count(void **state)
{
	static const struct {
		const char *mode;
		size_t n;
	} cases[] = { { "none", 0 }, { "0", 0 }, { "old", 2 },
		{ "broken", 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct energy *e;

		assert_int_equal(setenv("FAKE_NVML_GPUS", cases[i].mode, 1),
		    0);
		e = opened(FAKE_NVML);
		assert_int_equal(energy_gpus(e), cases[i].n);
		energy_read(e);
		unknown(e, ENERGY_GPU);
		used(e, ENERGY_CPU, 0);
		energy_free(e);
	}
	/* A library, but not that one. */
	{
		struct energy *e = opened("libc.so.6");

		unknown(e, ENERGY_GPU);
		energy_free(e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rapl, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(broken, set_up, tear_down),
		cmocka_unit_test(absent),
		cmocka_unit_test_setup_teardown(gpus, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gpus_that_do_not_count, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
