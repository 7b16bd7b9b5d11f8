/* Which addresses a fetch may reach: those of the public internet. The registries are IANA's of special-purpose addresses (RFC 6890 and what
 * came after it); of IPv6 only what is given out, 2000::/3, can be public. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "net/fetch.h"

enum { IPV4_SIZE = 4, IPV6_SIZE = 16 };

struct special {
	unsigned char bytes[8];
	unsigned bits;
	const char *kind;
};

static const struct special special4[] = {
	{{0}, 8, "unspecified"},                /* RFC 1122 §3.2.1.3 */
	{{10}, 8, "private"},                   /* RFC 1918 */
	{{100, 64}, 10, "carrier-grade NAT"},   /* RFC 6598 */
	{{127}, 8, "loopback"},
	{{169, 254}, 16, "link-local"},         /* RFC 3927; where clouds tell machines their secrets */
	{{172, 16}, 12, "private"},
	{{192, 0, 0}, 24, "reserved"},          /* RFC 6890 §2.1 */
	{{192, 0, 2}, 24, "documentation"},     /* RFC 5737 */
	{{192, 88, 99}, 24, "6to4 relay"},      /* RFC 7526 */
	{{192, 168}, 16, "private"},
	{{198, 18}, 15, "benchmarking"},        /* RFC 2544 */
	{{198, 51, 100}, 24, "documentation"},
	{{203, 0, 113}, 24, "documentation"},
	{{224}, 4, "multicast"},
	{{240}, 4, "reserved"},                 /* broadcast, too */
};

static const struct special special6[] = {
	{{0x20, 0x01, 0x00}, 23, "reserved"},   /* RFC 2928: Teredo, benchmarking, ORCHID */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
	{{0x3f, 0xff}, 20, "documentation"},    /* RFC 9637 */
	{{0xfc}, 7, "private"},                 /* RFC 4193 */
	{{0xfe, 0x80}, 10, "link-local"},
	{{0xfe, 0xc0}, 10, "site-local"},
	{{0xff}, 8, "multicast"},
};

static bool has_prefix(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
	if (memcmp(address, prefix, bits / 8) != 0)
		return false;
	unsigned mask = 0xff00u >> bits % 8 & 0xff;
	return bits % 8 == 0 || (address[bits / 8] & mask) == (prefix[bits / 8] & mask);
}

static const char *kind_in(const struct special *table, size_t count, const unsigned char *address)
{
	for (size_t i = 0; i < count; i++)
		if (has_prefix(address, table[i].bytes, table[i].bits))
			return table[i].kind;
	return NULL;
}

static const char *kind4(const unsigned char *address)
{
	return kind_in(special4, sizeof special4 / sizeof *special4, address);
}

/* The IPv4 address that one of IPv6 stands for; NULL: none. */
static const unsigned char *embedded(const unsigned char *address)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}, nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 4291 §2.5.5.2, RFC 6052 §2.1 */
	if (memcmp(address, mapped, sizeof mapped) == 0 || memcmp(address, nat64, sizeof nat64) == 0)
		return address + 12;
	return address[0] == 0x20 && address[1] == 0x02 ? address + 2 : NULL; /* 6to4, RFC 3056 §2 */
}

static const char *kind6(const unsigned char *address)
{
	static const unsigned char given_out[1] = {0x20}, loopback[IPV6_SIZE] = {[15] = 1}, zero[IPV6_SIZE] = {0};
	const unsigned char *inner = embedded(address);
	if (inner)
		return kind4(inner);
	if (memcmp(address, loopback, IPV6_SIZE) == 0)
		return "loopback";
	if (memcmp(address, zero, IPV6_SIZE) == 0)
		return "unspecified";
	const char *kind = kind_in(special6, sizeof special6 / sizeof *special6, address);
	return kind ? kind : has_prefix(address, given_out, 3) ? NULL : "reserved";
}

const char *fetch_address_kind(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return kind6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
	if (address->ss_family == AF_INET)
		return kind4((const unsigned char *)&((const struct sockaddr_in *)address)->sin_addr);
	return "unknown";
}

/* What stands for an address of IPv4 is that one, also for who wrote down networks. */
static struct sockaddr_storage plain_form(const struct sockaddr_storage *address)
{
	struct sockaddr_storage plain = *address;
	const unsigned char *inner = address->ss_family == AF_INET6 ? embedded(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr) : NULL;
	if (inner) {
		plain = (struct sockaddr_storage){.ss_family = AF_INET};
		memcpy(&((struct sockaddr_in *)&plain)->sin_addr, inner, IPV4_SIZE);
	}
	return plain;
}

static const void *bytes_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
					      : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
}

/* The kernel is asked from where it would write there: to its own address from that itself. Nothing is sent. */
bool fetch_address_is_own(const struct sockaddr_storage *address)
{
	struct sockaddr_storage to = plain_form(address), from = {0};
	socklen_t len = to.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in), from_len = sizeof from;
	if (to.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&to)->sin6_port = htons(9);
	else
		((struct sockaddr_in *)&to)->sin_port = htons(9); /* discard; any would do */
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool own = fd >= 0 && connect(fd, (struct sockaddr *)&to, len) == 0 && getsockname(fd, (struct sockaddr *)&from, &from_len) == 0 &&
		   from.ss_family == to.ss_family && memcmp(bytes_of(&from), bytes_of(&to), to.ss_family == AF_INET6 ? IPV6_SIZE : IPV4_SIZE) == 0;
	if (fd >= 0)
		close(fd);
	return own;
}

bool fetch_address_allowed(const struct fetch_rules *rules, const struct sockaddr_storage *address, const char **kind)
{
	struct sockaddr_storage plain = plain_form(address);
	*kind = fetch_address_kind(&plain);
	if (!*kind && fetch_address_is_own(&plain))
		*kind = "this machine's own";
	return !*kind || (rules->may_reach && rules->may_reach(&plain));
}
