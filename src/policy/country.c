/* Countries by libmaxminddb; see country.h. */
#include "policy/country.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "base/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static MMDB_s file;
static enum { UNTRIED, OPEN, FAILED } state;

static bool is_open(const char *path)
{
	pthread_mutex_lock(&lock);
	if (state == UNTRIED) {
		int error = MMDB_open(path, MMDB_MODE_MMAP, &file);
		state = error == MMDB_SUCCESS ? OPEN : FAILED;
		if (error != MMDB_SUCCESS)
			log_error("policy.no_countries", log_text("file", path), log_text("reason", MMDB_strerror(error)));
	}
	bool open = state == OPEN;
	pthread_mutex_unlock(&lock);
	return open;
}

static MMDB_lookup_result_s find(struct slice client, int *error)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	if (client.len == sizeof four.sin_addr) {
		memcpy(&four.sin_addr, client.at, sizeof four.sin_addr);
		return MMDB_lookup_sockaddr(&file, (const struct sockaddr *)&four, error);
	}
	memcpy(&six.sin6_addr, client.at, sizeof six.sin6_addr);
	return MMDB_lookup_sockaddr(&file, (const struct sockaddr *)&six, error);
}

struct slice policy_country_of(const char *path, struct slice client, struct arena *arena)
{
	static const char *const way[] = {"country", "iso_code", NULL};
	MMDB_entry_data_s data;
	int error = MMDB_SUCCESS;
	if (!path[0] || (client.len != 4 && client.len != 16) || !is_open(path))
		return SLICE("");
	MMDB_lookup_result_s found = find(client, &error);
	if (error != MMDB_SUCCESS || !found.found_entry || MMDB_aget_value(&found.entry, &data, way) != MMDB_SUCCESS)
		return SLICE("");
	bool text = data.has_data && data.type == MMDB_DATA_TYPE_UTF8_STRING;
	return text ? arena_copy(arena, slice_make(data.utf8_string, data.data_size)) : SLICE("");
}
