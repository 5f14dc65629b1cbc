/*
 * fake_nvml.c -- stands in for the library of a GPU's driver, which no machine
 * of the tests has: so many GPUs as $FAKE_NVML_GPUS says, each of which uses
 * 1,500 mJ between two looks.  "broken" has a second one that stops counting,
 * "old" has none that counts.  Shared, not linked: energy.c loads it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *n);
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **device);
int nvmlDeviceGetName(void *device, char *name, unsigned len);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj);

#define GPUS 8

static unsigned long long used[GPUS] = { 1000000, 2000000 };
static int open_count;

static const char *
mode(void)
{
	const char *s = getenv("FAKE_NVML_GPUS");

	return s == NULL ? "" : s;
}

int
nvmlInit_v2(void)
{
	if (strcmp(mode(), "none") == 0)
		return 9; /* NVML_ERROR_DRIVER_NOT_LOADED */
	open_count++;
	return 0;
}

int
nvmlShutdown(void)
{
	return --open_count == 0 ? 0 : 1;
}

int
nvmlDeviceGetCount_v2(unsigned *n)
{
	*n = strcmp(mode(), "0") == 0 ? 0 : 2;
	return 0;
}

int
nvmlDeviceGetHandleByIndex_v2(unsigned i, void **device)
{
	if (i >= GPUS)
		return 2;
	*device = &used[i];
	return 0;
}

int
nvmlDeviceGetName(void *device, char *name, unsigned len)
{
	(void)snprintf(name, len, "Test GPU %d",
	    (int)((unsigned long long *)device - used));
	return 0;
}

int
nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
	unsigned long long *count = device;

	if (strcmp(mode(), "old") == 0)
		return 3; /* NVML_ERROR_NOT_SUPPORTED */
	if (strcmp(mode(), "broken") == 0 && count == &used[1] &&
	    *count > 2000000)
		return 15; /* NVML_ERROR_GPU_IS_LOST */
	*mj = *count;
	*count += 1500;
	return 0;
}
