/* Values as they are written in the configuration file: durations, sizes, addresses; and back. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "config/config.h"

struct unit_of {
	char letter;
	int64_t factor;
};

static const struct unit_of duration_units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
static const struct unit_of size_units[] = {{'t', INT64_C(1) << 40}, {'g', 1073741824}, {'m', 1048576}, {'k', 1024}};
enum { MAPPED_BITS = 96 }; /* what stands before the IPv4 address in an IPv6 one */
enum { DURATION_UNITS = sizeof duration_units / sizeof *duration_units, SIZE_UNITS = sizeof size_units / sizeof *size_units };

static const int64_t value_max = INT64_C(1) << 53; /* exact in JSON, and far from overflowing when added up */

/* Takes the digits at the start of *text off; false if there are none or too many. */
static bool take_digits(struct slice *text, uint64_t *number)
{
	size_t len = 0;
	while (len < text->len && ascii_is_digit(text->at[len]))
		len++;
	bool done = slice_to_number(slice_sub(*text, 0, len), (uint64_t)value_max, number);
	*text = slice_skip(*text, len);
	return done;
}

static int64_t factor_of(const struct unit_of *units, size_t count, char letter)
{
	for (size_t i = 0; i < count; i++)
		if (units[i].letter == ascii_lower(letter))
			return units[i].factor;
	return 0;
}

bool config_parse_duration(struct slice text, int64_t *seconds)
{
	int64_t sum = 0;
	if (text.len > 0 && slice_to_number(text, (uint64_t)value_max, &(uint64_t){0}))
		return take_digits(&text, (uint64_t *)seconds);
	do {
		uint64_t number;
		if (!take_digits(&text, &number) || text.len == 0)
			return false;
		int64_t factor = factor_of(duration_units, DURATION_UNITS, text.at[0]);
		if (factor == 0 || (int64_t)number > (value_max - sum) / factor)
			return false;
		sum += (int64_t)number * factor;
		text = slice_skip(text, 1);
	} while (text.len > 0);
	*seconds = sum;
	return true;
}

bool config_parse_size(struct slice text, int64_t *bytes)
{
	uint64_t number;
	if (!take_digits(&text, &number))
		return false;
	int64_t factor = text.len == 0 ? 1 : factor_of(size_units, SIZE_UNITS, text.at[0]);
	struct slice rest = slice_skip(text, 1); /* people write 25MB and 25MiB, too, and mean the same */
	if (rest.len > 0 && !slice_equal_nocase(rest, SLICE("B")) && !slice_equal_nocase(rest, SLICE("iB")))
		return false;
	if (factor == 0 || (int64_t)number > value_max / factor)
		return false;
	*bytes = (int64_t)number * factor;
	return true;
}

bool config_parse_points(struct slice text, int *points)
{
	struct slice whole, part;
	uint64_t number, hundredths = 0;
	bool negative = text.len > 0 && text.at[0] == '-', point = slice_cut(slice_skip(text, negative), '.', &whole, &part);
	if (!slice_to_number(whole, 999, &number) || (point && (part.len > 2 || !slice_to_number(part, 99, &hundredths))))
		return false;
	*points = (int)(number * 100 + (part.len == 1 ? hundredths * 10 : hundredths));
	*points = negative ? -*points : *points;
	return true;
}

/* ::ffff:192.0.2.1 is the IPv4 address in it (RFC 4291 §2.5.5.2): that is what clients have who come from there. */
static void set_six(struct sockaddr_storage *address, const struct in6_addr *six)
{
	*address = (struct sockaddr_storage){.ss_family = IN6_IS_ADDR_V4MAPPED(six) ? AF_INET : AF_INET6};
	if (address->ss_family == AF_INET)
		memcpy(&((struct sockaddr_in *)address)->sin_addr, six->s6_addr + MAPPED_BITS / 8, sizeof(struct in_addr));
	else
		((struct sockaddr_in6 *)address)->sin6_addr = *six;
}

bool config_parse_address(struct slice text, struct sockaddr_storage *address)
{
	char copy[INET6_ADDRSTRLEN];
	if (text.len == 0 || text.len >= sizeof copy || slice_find_char(text, '\0') != SLICE_NONE)
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	*address = (struct sockaddr_storage){.ss_family = AF_INET};
	if (inet_pton(AF_INET, copy, &((struct sockaddr_in *)address)->sin_addr) == 1)
		return true;
	struct in6_addr six;
	if (inet_pton(AF_INET6, copy, &six) != 1)
		return false;
	set_six(address, &six);
	return true;
}

bool config_parse_listen(struct slice text, struct sockaddr_storage *address)
{
	size_t colon = slice_find_last_char(text, ':');
	uint64_t port;
	if (colon == SLICE_NONE || !slice_to_number(slice_skip(text, colon + 1), 65535, &port))
		return false;
	struct slice host = slice_sub(text, 0, colon);
	bool bracketed = host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
	bool six = slice_find_char(host, ':') != SLICE_NONE;
	if (bracketed != six || !config_parse_address(bracketed ? slice_sub(host, 1, host.len - 2) : host, address))
		return false;
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
	return true;
}

bool config_parse_network(struct slice text, struct sockaddr_storage *address, unsigned *bits)
{
	struct slice host, length;
	bool has_length = slice_cut(text, '/', &host, &length);
	if (!config_parse_address(host, address))
		return false;
	bool six = slice_find_char(host, ':') != SLICE_NONE;
	uint64_t most = six ? 128 : 32, least = six && address->ss_family == AF_INET ? MAPPED_BITS : 0, number = most;
	if (has_length && (!slice_to_number(length, most, &number) || number < least))
		return false;
	*bits = (unsigned)(number - least);
	return true;
}

static bool take_limit(struct slice text, int64_t *limit)
{
	uint64_t number = 0;
	bool good = text.len == 0 || slice_to_number(text, 1000000000, &number);
	*limit = (int64_t)number;
	return good;
}

bool config_parse_rate(struct slice text, struct config_rate *rate)
{
	static const char *const names[] = {"address", "network", "sender", "recipient"};
	struct slice name, limits, messages, recipients;
	bool known = false;
	*rate = (struct config_rate){0};
	if (!slice_cut(text, '=', &name, &limits))
		return false;
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal(name, slice_of(names[i]))) {
			rate->of = (enum config_rate_of)i;
			known = true;
		}
	bool two = slice_cut(limits, '/', &messages, &recipients);
	if (rate->of == CONFIG_RATE_RECIPIENT)
		return known && !two && messages.len > 0 && take_limit(messages, &rate->recipients);
	return known && limits.len > 0 && take_limit(messages, &rate->messages) && take_limit(two ? recipients : SLICE(""), &rate->recipients);
}

/* The largest unit that divides the value: 432000 is 5d, 90 is 90s. */
static void write_units(struct buf *out, int64_t value, const struct unit_of *units, size_t count, bool upper)
{
	for (size_t i = 0; i < count; i++)
		if (value != 0 && value % units[i].factor == 0) {
			buf_printf(out, "%lld%c", (long long)(value / units[i].factor), upper ? ascii_upper(units[i].letter) : units[i].letter);
			return;
		}
	buf_printf(out, "%lld", (long long)value);
}

void config_write_quoted(struct buf *out, struct slice text)
{
	/* libConfuse replaces ${NAME} in double quotes by the environment's; not in single ones. */
	char quote = slice_find_char(text, '$') == SLICE_NONE ? '"' : '\'';
	buf_append_char(out, quote);
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == quote || text.at[i] == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, text.at[i]);
	}
	buf_append_char(out, quote);
}

static void write_list(struct buf *out, const struct config_string_list *list)
{
	buf_append_char(out, '{');
	for (size_t i = 0; i < list->count; i++) {
		buf_append_text(out, i > 0 ? ", " : "");
		config_write_quoted(out, slice_of(list->at[i]));
	}
	buf_append_char(out, '}');
}

static void write_default_list(struct buf *out, struct slice entries)
{
	struct slice entry;
	buf_append_char(out, '{');
	for (bool more = entries.len > 0, first = true; more; first = false) {
		more = slice_cut(entries, ' ', &entry, &entries);
		buf_append_text(out, first ? "" : ", ");
		config_write_quoted(out, entry);
	}
	buf_append_char(out, '}');
}

static void write_number(struct buf *out, enum option_kind kind, int64_t number)
{
	if (kind == OPTION_KIND_FLAG)
		buf_append_text(out, number ? "yes" : "no");
	else if (kind == OPTION_KIND_SIZE)
		write_units(out, number, size_units, SIZE_UNITS, true);
	else if (kind == OPTION_KIND_DURATION)
		write_units(out, number, duration_units, DURATION_UNITS, false);
	else
		buf_printf(out, "%lld", (long long)number);
}

void config_write_value(struct buf *out, const struct config *config, const struct option *option)
{
	const char *at = config ? (const char *)config + option->offset : NULL;
	if (option->kind == OPTION_KIND_LIST && at)
		write_list(out, (const struct config_string_list *)at);
	else if (option->kind == OPTION_KIND_LIST)
		write_default_list(out, slice_of(option->text));
	else if (option->kind == OPTION_KIND_TEXT)
		config_write_quoted(out, slice_of(at ? *(const char *const *)at : option->text));
	else if (option->kind == OPTION_KIND_FLAG && at)
		write_number(out, option->kind, *(const bool *)at);
	else
		write_number(out, option->kind, at ? *(const int64_t *)at : option->number);
}

static const void *address_bytes(const struct sockaddr_storage *address, size_t *bits)
{
	if (address->ss_family == AF_INET6) {
		*bits = 128;
		return &((const struct sockaddr_in6 *)address)->sin6_addr;
	}
	*bits = 32;
	return &((const struct sockaddr_in *)address)->sin_addr;
}

static bool in_network(const struct sockaddr_storage *peer, const char *network)
{
	struct sockaddr_storage address;
	unsigned bits;
	size_t width, other;
	if (!config_parse_network(slice_of(network), &address, &bits) || address.ss_family != peer->ss_family)
		return false;
	const unsigned char *a = address_bytes(&address, &width), *b = address_bytes(peer, &other);
	if (bits > width || memcmp(a, b, bits / 8) != 0)
		return false;
	unsigned mask = 0xff00u >> bits % 8 & 0xff;
	return bits % 8 == 0 || (a[bits / 8] & mask) == (b[bits / 8] & mask);
}

bool config_networks_hold(const struct config_string_list *networks, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < networks->count; i++)
		if (in_network(address, networks->at[i]))
			return true;
	return false;
}

bool config_may_fetch(const struct sockaddr_storage *address)
{
	return config_networks_hold(&config_current()->fetch_private_networks, address);
}
