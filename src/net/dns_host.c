/* What the DNS says of a host or a domain, for who waits with a thread, for DNS_TIMEOUT_SECONDS at most. Names with bytes that no host name has are
 * passed over. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/dns_internal.h"

enum {
	RCODE_NXDOMAIN = 3,
	REVERSE_NAMES_MAX = 5, /* host names of an address that are verified */
};

/* ---- What an answer says ---- */

enum dns_status dns_status_of(struct dns *dns, const struct ub_result *result, const char *name, struct error *error)
{
	if (!result) {
		pthread_mutex_lock(&dns->lock);
		bool stopping = dns->stopping;
		pthread_mutex_unlock(&dns->lock);
		error_set(error, stopping ? ERROR_INTERRUPTED : ERROR_TEMPORARY, "no answer from DNS about %s", name);
		return DNS_TEMPORARY;
	}
	if (result->bogus) {
		error_set(error, ERROR_TEMPORARY, "DNSSEC: the answer about %s is forged or broken: %s", name, result->why_bogus ? result->why_bogus : "");
		return DNS_TEMPORARY;
	}
	if (result->havedata)
		return DNS_FOUND;
	if (result->nxdomain || result->rcode == RCODE_NXDOMAIN)
		return DNS_NO_NAME;
	if (result->rcode == 0)
		return DNS_NO_DATA;
	error_set(error, ERROR_TEMPORARY, "DNS answers with error %d about %s", result->rcode, name);
	return DNS_TEMPORARY;
}

static enum dns_security security_of(const struct ub_result *result)
{
	if (!result)
		return DNS_INSECURE;
	return result->bogus ? DNS_BOGUS : result->secure ? DNS_SECURE : DNS_INSECURE;
}

static bool name_is_askable(struct slice name)
{
	return name.len > 0 && name.len <= DNS_NAME_MAX && slice_find_char(name, '\0') == SLICE_NONE;
}

/* Waits for all of a batch. */
static const struct ub_result *wait_for(struct dns_batch *batch, size_t number)
{
	dns_batch_wait(batch, clock_monotonic_ms() + DNS_TIMEOUT_SECONDS * 1000);
	return dns_batch_result(batch, number);
}

/* ---- Reading answers ---- */

bool dns_is_host_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

bool dns_read_name(struct slice wire, struct arena *arena, struct slice *name)
{
	struct buf text = BUF(DNS_NAME_MAX);
	bool good = true, ended = false;
	while (good && !ended && wire.len > 0) {
		size_t len = (unsigned char)wire.at[0];
		struct slice label = slice_sub(wire, 1, len);
		ended = len == 0;
		good = len <= DNS_LABEL_MAX && label.len == len;
		for (size_t i = 0; good && i < label.len; i++)
			good = dns_is_host_char(label.at[i]);
		if (good && !ended)
			good = (text.len == 0 || buf_append_char(&text, '.')) && buf_append(&text, label);
		wire = slice_skip(wire, 1 + len);
	}
	*name = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return good && ended;
}

size_t dns_record_count(const struct ub_result *result)
{
	size_t count = 0;
	while (result && result->data && count < DNS_RECORDS_MAX && result->data[count])
		count++;
	return count;
}

struct slice dns_record(const struct ub_result *result, size_t i)
{
	return slice_make(result->data[i], result->len[i] > 0 ? (size_t)result->len[i] : 0);
}

static void read_mx(const struct ub_result *result, struct arena *arena, struct dns_mx **list, size_t *count)
{
	size_t records = dns_record_count(result);
	*list = arena_array(arena, records + 1, sizeof **list);
	for (size_t i = 0; i < records; i++) {
		struct slice data = dns_record(result, i);
		struct dns_mx *mx = &(*list)[*count];
		if (data.len < 3 || !dns_read_name(slice_skip(data, 2), arena, &mx->host))
			continue;
		mx->preference = (uint16_t)((unsigned char)data.at[0] << 8 | (unsigned char)data.at[1]);
		++*count;
	}
}

enum dns_status dns_mx(struct dns *dns, struct slice domain, struct arena *arena, struct dns_mx **list, size_t *count, enum dns_security *security, struct error *error)
{
	*list = NULL;
	*count = 0;
	if (security)
		*security = DNS_INSECURE;
	if (!name_is_askable(domain))
		return DNS_NO_NAME;
	const char *name = arena_text(arena, domain);
	struct dns_batch *batch = dns_batch_new(dns, 1, NULL, NULL);
	dns_batch_ask(batch, name, DNS_TYPE_MX);
	const struct ub_result *result = wait_for(batch, 0);
	enum dns_status status = dns_status_of(dns, result, name, error);
	if (security)
		*security = security_of(result);
	if (status == DNS_FOUND) {
		read_mx(result, arena, list, count);
		if (*count == 0) {
			status = DNS_TEMPORARY;
			error_set(error, ERROR_TEMPORARY, "the MX records of %s can't be read", name);
		}
	}
	dns_batch_end(&batch);
	return status;
}

/* Adds the addresses of an answer that was found; if none can be read, nothing is known of what there is. */
static enum dns_status read_addresses(const struct ub_result *result, int family, struct sockaddr_storage *list, size_t *count, const char *name,
				      struct error *error)
{
	size_t before = *count, size = family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	for (size_t i = 0; i < dns_record_count(result); i++) {
		struct slice data = dns_record(result, i);
		struct sockaddr_storage *address = &list[*count];
		if (data.len != size)
			continue;
		*address = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
		if (family == AF_INET6)
			memcpy(&((struct sockaddr_in6 *)address)->sin6_addr, data.at, size);
		else
			memcpy(&((struct sockaddr_in *)address)->sin_addr, data.at, size);
		++*count;
	}
	if (*count > before)
		return DNS_FOUND;
	error_set(error, ERROR_TEMPORARY, "the addresses of %s can't be read", name);
	return DNS_TEMPORARY;
}

/* Both answers together are as good as the better, and as secure as the worse, of the two. */
static enum dns_status join_status(enum dns_status a, enum dns_status b)
{
	if (a == DNS_FOUND || b == DNS_FOUND)
		return DNS_FOUND;
	if (a == DNS_TEMPORARY || b == DNS_TEMPORARY)
		return DNS_TEMPORARY;
	return a == DNS_NO_NAME && b == DNS_NO_NAME ? DNS_NO_NAME : DNS_NO_DATA;
}

static enum dns_security join_security(enum dns_security a, enum dns_security b)
{
	if (a == DNS_BOGUS || b == DNS_BOGUS)
		return DNS_BOGUS;
	return a == DNS_SECURE && b == DNS_SECURE ? DNS_SECURE : DNS_INSECURE;
}

enum dns_status dns_addresses(struct dns *dns, struct slice host, struct arena *arena, struct sockaddr_storage **list, size_t *count, enum dns_security *security, struct error *error)
{
	*list = NULL;
	*count = 0;
	if (security)
		*security = DNS_INSECURE;
	if (!name_is_askable(host))
		return DNS_NO_NAME;
	const char *name = arena_text(arena, host);
	struct dns_batch *batch = dns_batch_new(dns, 2, NULL, NULL);
	dns_batch_ask(batch, name, DNS_TYPE_AAAA);
	dns_batch_ask(batch, name, DNS_TYPE_A);
	const struct ub_result *result6 = wait_for(batch, 0), *result4 = dns_batch_result(batch, 1);
	enum dns_status status6 = dns_status_of(dns, result6, name, error), status4 = dns_status_of(dns, result4, name, error);
	if (security)
		*security = join_security(security_of(result6), security_of(result4));
	*list = arena_array(arena, dns_record_count(result6) + dns_record_count(result4) + 1, sizeof **list);
	if (status6 == DNS_FOUND)
		status6 = read_addresses(result6, AF_INET6, *list, count, name, error);
	if (status4 == DNS_FOUND)
		status4 = read_addresses(result4, AF_INET, *list, count, name, error);
	dns_batch_end(&batch);
	return join_status(status6, status4);
}

/* ---- Reverse look-up ---- */

static struct slice reverse_name(const struct sockaddr_storage *address, struct arena *arena)
{
	if (address->ss_family == AF_INET) {
		const unsigned char *byte = (const unsigned char *)&((const struct sockaddr_in *)address)->sin_addr;
		return arena_printf(arena, "%d.%d.%d.%d.in-addr.arpa", byte[3], byte[2], byte[1], byte[0]);
	}
	const unsigned char *byte = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
	struct buf name = BUF(DNS_NAME_MAX);
	for (int i = 15; i >= 0; i--)
		buf_printf(&name, "%x.%x.", byte[i] & 15, byte[i] >> 4);
	buf_append(&name, SLICE("ip6.arpa"));
	struct slice copy = arena_copy(arena, buf_slice(&name));
	buf_free(&name);
	return copy;
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

enum dns_status dns_reverse(struct dns *dns, const struct sockaddr_storage *address, struct arena *arena, struct slice *host)
{
	struct slice name = reverse_name(address, arena);
	*host = SLICE("");
	struct dns_batch *batch = dns_batch_new(dns, 1, NULL, NULL);
	dns_batch_ask(batch, arena_text(arena, name), DNS_TYPE_PTR);
	const struct ub_result *result = wait_for(batch, 0);
	enum dns_status status = dns_status_of(dns, result, "the address", NULL);
	for (size_t i = 0; status == DNS_FOUND && i < dns_record_count(result) && i < REVERSE_NAMES_MAX && host->len == 0; i++) {
		struct slice candidate;
		struct sockaddr_storage *list;
		size_t count = 0;
		if (!dns_read_name(dns_record(result, i), arena, &candidate) || candidate.len == 0)
			continue;
		dns_addresses(dns, candidate, arena, &list, &count, NULL, NULL);
		for (size_t k = 0; k < count; k++)
			if (same_address(&list[k], address))
				*host = candidate;
	}
	dns_batch_end(&batch);
	return status == DNS_FOUND && host->len == 0 ? DNS_NO_DATA : status;
}
