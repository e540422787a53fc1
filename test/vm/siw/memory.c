/* Protection domains and regions of the peer. */
#include "peer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

struct region {
	struct ibv_mr *mr;
	uint8_t *bytes;
	size_t length;
};

static struct ibv_pd *domains[OBJECTS_MAX];
static struct region regions[OBJECTS_MAX];
static int domain_count, region_count;

static struct region *region_of(const char *word)
{
	uint64_t at = number(word);

	return at < (uint64_t)region_count ? &regions[at] : NULL;
}

struct ibv_pd *domain_of(const char *word)
{
	uint64_t at = number(word);

	return at < (uint64_t)domain_count ? domains[at] : NULL;
}

static uint8_t *bytes_of(char **words, uint64_t *length)
{
	struct region *region = region_of(words[0]);
	uint64_t offset = number(words[1]);

	*length = number(words[2]);
	if (!region || offset > region->length || *length > region->length - offset)
		return NULL;
	return region->bytes + offset;
}

bool part_of(char **words, struct ibv_sge *part)
{
	struct region *region = region_of(words[0]);
	uint64_t length;
	uint8_t *bytes = bytes_of(words, &length);

	if (!bytes || !region->mr)
		return refuse("no such part of a region");
	part->addr = (uintptr_t)bytes;
	part->length = (uint32_t)length;
	part->lkey = region->mr->lkey;
	return true;
}

bool do_pd(void)
{
	if (domain_count == OBJECTS_MAX)
		return refuse("too many domains");
	domains[domain_count] = ibv_alloc_pd(device);
	if (!domains[domain_count])
		return failed("ibv_alloc_pd");
	say("ok %d", domain_count++);
	return true;
}

bool do_reg(char **words)
{
	struct ibv_pd *domain = domain_of(words[1]);
	struct region *region = &regions[region_count];
	int access = IBV_ACCESS_LOCAL_WRITE;

	if (region_count == OBJECTS_MAX || !domain)
		return refuse("no such domain, or too many regions");
	region->length = number(words[2]);
	region->bytes = mmap(NULL, region->length, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (region->bytes == MAP_FAILED)
		return failed("mmap");
	if (strchr(words[3], 'r'))
		access |= IBV_ACCESS_REMOTE_READ;
	if (strchr(words[3], 'w'))
		access |= IBV_ACCESS_REMOTE_WRITE;
	region->mr = ibv_reg_mr(domain, region->bytes, region->length, access);
	if (!region->mr)
		return failed("ibv_reg_mr");
	say("ok %d 0x%08x 0x%" PRIx64, region_count++, region->mr->rkey,
	    (uint64_t)(uintptr_t)region->bytes);
	return true;
}

bool do_dereg(char **words)
{
	struct region *region = region_of(words[1]);

	if (!region || !region->mr)
		return refuse("no such region");
	errno = ibv_dereg_mr(region->mr);
	if (errno)
		return failed("ibv_dereg_mr");
	region->mr = NULL;
	say("ok");
	return true;
}

bool do_fill(char **words)
{
	uint64_t length, i, seed = number(words[4]);
	uint8_t *bytes = bytes_of(words + 1, &length);

	if (!bytes)
		return refuse("no such part of a region");
	for (i = 0; i < length; i++)
		bytes[i] = (uint8_t)(seed + i * 7 + (i >> 8) * 13);
	say("ok");
	return true;
}

bool do_sum(char **words)
{
	uint64_t length, i, sum = 0xcbf29ce484222325;
	uint8_t *bytes = bytes_of(words + 1, &length);

	if (!bytes)
		return refuse("no such part of a region");
	for (i = 0; i < length; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3;
	say("ok 0x%" PRIx64, sum);
	return true;
}
