/* Entries of the option `dns_update`; see config_dns_update.h. */
#include "config/config_dns_update.h"

#include <arpa/inet.h>

#include "config/config_settings.h"

enum { DNS_PORT = 53, TTL_DEFAULT = 3600 };

const char *const config_dns_update_algorithms[CONFIG_HMACS] = {"hmac-sha256", "hmac-sha384", "hmac-sha512"};

static bool is_name(struct slice name) { return config_is_dns_name(name, CONFIG_DNS_UPDATE_NAME_MAX); }

static struct slice without_dot(struct slice name)
{
	return name.len > 1 && name.at[name.len - 1] == '.' ? slice_sub(name, 0, name.len - 1) : name;
}

static bool take_zone(struct slice word, struct config_dns_update *update, struct error *error)
{
	update->zone = without_dot(word);
	return is_name(update->zone) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not the name of a zone such as example.org (international names as xn--…)", SLICE_ARG(word));
}

static bool take_server(struct slice word, struct config_dns_update *update, struct error *error)
{
	struct slice address, port_text;
	uint64_t port = DNS_PORT;
	bool has_port = slice_cut(word, '@', &address, &port_text);
	update->place = word;
	if (!config_parse_address(address, &update->address) || (has_port && (!slice_to_number(port_text, UINT16_MAX, &port) || port == 0)))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not the address of a name server, such as 192.0.2.53 or 2001:db8::53@5353", SLICE_ARG(word));
	if (update->address.ss_family == AF_INET)
		((struct sockaddr_in *)&update->address)->sin_port = htons((uint16_t)port);
	else
		((struct sockaddr_in6 *)&update->address)->sin6_port = htons((uint16_t)port);
	return true;
}

/* ---- Settings ---- */

static bool set_key(struct slice value, void *target)
{
	struct config_dns_update *update = target;
	update->key = without_dot(value);
	return is_name(update->key);
}

static bool set_secret(struct slice value, void *target)
{
	struct config_dns_update *update = target;
	update->secret = value;
	return value.len > 0 && slice_find_char(value, '\0') == SLICE_NONE;
}

static bool set_algorithm(struct slice value, void *target)
{
	struct config_dns_update *update = target;
	for (int i = 0; i < CONFIG_HMACS; i++)
		if (slice_equal_nocase(value, slice_of(config_dns_update_algorithms[i]))) {
			update->algorithm = (enum config_dns_update_algorithm)i;
			return true;
		}
	return false;
}

static bool set_ttl(struct slice value, void *target)
{
	struct config_dns_update *update = target;
	return config_parse_duration(value, &update->ttl) && update->ttl >= 1 && update->ttl <= CONFIG_DNS_UPDATE_TTL_MAX;
}

static const struct config_setting settings[] = {
	{"key", set_key, "the name of a key, as the name server knows it"},
	{"secret", set_secret, "the path of a file"},
	{"algorithm", set_algorithm, "hmac-sha256, hmac-sha384 or hmac-sha512"},
	{"ttl", set_ttl, "a time of 1s to 1w"},
};

bool config_parse_dns_update(struct slice entry, struct config_dns_update *update, struct error *error)
{
	struct slice rest = entry;
	*update = (struct config_dns_update){.algorithm = CONFIG_HMAC_SHA256, .ttl = TTL_DEFAULT};
	if (!take_zone(config_next_word(&rest), update, error) || !take_server(config_next_word(&rest), update, error) ||
	    !config_take_settings(rest, settings, sizeof settings / sizeof *settings, "a server that takes changes", update, error))
		return false;
	if (update->key.len == 0 || update->secret.len == 0)
		return error_set(error, ERROR_INVALID, "key=NAME and secret=FILE are needed: changes that aren't signed are nobody's");
	return true;
}

static bool is_at_or_below(struct slice name, struct slice zone)
{
	if (name.len <= zone.len)
		return slice_equal_nocase(name, zone);
	return name.at[name.len - zone.len - 1] == '.' && slice_equal_nocase(slice_skip(name, name.len - zone.len), zone);
}

bool config_find_dns_update(const struct config *config, struct slice name, struct config_dns_update *update)
{
	bool found = false;
	for (size_t i = 0; i < config->dns_update.count; i++) {
		struct config_dns_update one;
		if (config_parse_dns_update(slice_of(config->dns_update.at[i]), &one, NULL) && is_at_or_below(name, one.zone) && (!found || one.zone.len > update->zone.len)) {
			*update = one;
			found = true;
		}
	}
	return found;
}
