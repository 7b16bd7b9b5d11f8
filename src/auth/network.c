/* See network.h. */
#include "auth/network.h"

#include <arpa/inet.h>

#include "base/map.h"

struct size {
	unsigned bytes; /* of the address */
	int64_t allowance;
};
static const struct size four_sizes[] = {{4, 1}, {3, 8}}, six_sizes[] = {{8, 1}, {7, 4}, {6, 16}, {4, 4096}};

/* AF_INET, AF_INET6 or 0, and the address's bytes. */
static int parse(struct slice address, struct in6_addr *bytes)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (address.len > 0 && address.len < sizeof text)
		memcpy(text, address.at, address.len);
	if (inet_pton(AF_INET, text, bytes) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, text, bytes) == 1 ? AF_INET6 : 0;
}

size_t auth_network_list(struct slice address, struct auth_network out[NETWORKS_MAX])
{
	struct in6_addr bytes;
	int family = parse(address, &bytes);
	if (family == 0) {
		uint64_t hash = map_hash(address);
		out[0] = (struct auth_network){.allowance = 1};
		memcpy(out[0].bytes + 1, &hash, sizeof hash);
		return 1;
	}
	const struct size *sizes = family == AF_INET ? four_sizes : six_sizes;
	size_t count = family == AF_INET ? sizeof four_sizes / sizeof *four_sizes : sizeof six_sizes / sizeof *six_sizes;
	for (size_t i = 0; i < count; i++) {
		out[i] = (struct auth_network){.allowance = sizes[i].allowance};
		out[i].bytes[0] = (char)(family == AF_INET ? 4 + sizes[i].bytes : 64 + sizes[i].bytes);
		memcpy(out[i].bytes + 1, &bytes, sizes[i].bytes);
	}
	return count;
}

struct slice auth_network_text(struct slice address, char out[NETWORK_TEXT_MAX])
{
	struct in6_addr bytes;
	int family = parse(address, &bytes);
	if (family == 0)
		return slice_make(out, (size_t)snprintf(out, NETWORK_TEXT_MAX, "%.*s", (int)(address.len < 40 ? address.len : 40), address.at ? address.at : ""));
	if (family == AF_INET6)
		memset(bytes.s6_addr + six_sizes[0].bytes, 0, sizeof bytes - six_sizes[0].bytes);
	inet_ntop(family, &bytes, out, NETWORK_TEXT_MAX);
	size_t len = strlen(out);
	if (family == AF_INET6)
		len += (size_t)snprintf(out + len, NETWORK_TEXT_MAX - len, "/64");
	return slice_make(out, len);
}
