/* Options about certificates that this server gets by itself (src/acme). */
#include "config/config.h"
#include "config/config_check.h"

enum { URL_MAX = 2000, PROFILE_MAX = 64, CONTACT_MAX = 254, LABEL_MAX = 63 };

bool check_acme(struct slice value, struct error *error)
{
	return slice_equal(value, SLICE("auto")) || slice_equal(value, SLICE("yes")) || slice_equal(value, SLICE("no")) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is none of auto, yes or no", SLICE_ARG(value));
}

bool check_acme_challenge(struct slice value, struct error *error)
{
	static const char *const kinds[] = {"http-01", "tls-alpn-01", "dns-01", "dns-persist-01"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (slice_equal(value, slice_of(kinds[i])))
			return true;
	return error_set(error, ERROR_INVALID, "\"%.*s\" is none of http-01, tls-alpn-01, dns-01 or dns-persist-01", SLICE_ARG(value));
}

/* It goes into JSON and a URL of its own ("mailto:"). */
bool check_acme_contact(struct slice value, struct error *error)
{
	struct slice local, domain;
	bool good = value.len <= CONTACT_MAX && slice_cut(value, '@', &local, &domain) && local.len > 0 && slice_is_printable(value) && check_host_name(domain, error);
	for (size_t i = 0; good && i < local.len; i++)
		good = ascii_is_alpha(local.at[i]) || ascii_is_digit(local.at[i]) || slice_find_char(SLICE("._+-="), local.at[i]) != SLICE_NONE;
	return good || error_set(error, ERROR_INVALID, "\"%.*s\" is not an address of mail", SLICE_ARG(value));
}

bool check_acme_name(struct slice value, struct error *error)
{
	struct sockaddr_storage address;
	if (config_parse_address(value, &address))
		return true;
	struct slice name = slice_starts(value, SLICE("*.")) ? slice_skip(value, 2) : value;
	return (slice_find_char(name, '.') != SLICE_NONE && check_host_name(name, error)) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is neither a full host name nor an address", SLICE_ARG(value));
}

bool check_acme_profile(struct slice value, struct error *error)
{
	bool good = value.len <= PROFILE_MAX;
	for (size_t i = 0; i < value.len; i++)
		good = good && (ascii_is_alpha(value.at[i]) || ascii_is_digit(value.at[i]) || slice_find_char(SLICE("-_."), value.at[i]) != SLICE_NONE);
	return good || error_set(error, ERROR_INVALID, "\"%.*s\" is not the name of a profile", SLICE_ARG(value));
}

bool check_https_url(struct slice value, struct error *error)
{
	struct slice prefix = SLICE("https://");
	bool good = slice_starts(value, prefix) && value.len > prefix.len && value.len <= URL_MAX && slice_is_printable(value);
	for (size_t i = 0; i < value.len; i++)
		good = good && slice_find_char(SLICE(" \"\\<>"), value.at[i]) == SLICE_NONE;
	return good || error_set(error, ERROR_INVALID, "\"%.*s\" is not a URL that begins with https://", SLICE_ARG(value));
}

bool check_label(struct slice value, struct error *error)
{
	return (value.len <= LABEL_MAX && slice_find_char(value, '.') == SLICE_NONE && check_host_name(value, NULL)) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not a part of a host name", SLICE_ARG(value));
}

bool config_is_public_name(struct slice name)
{
	static const char *const apart[] = {"test", "example", "invalid", "localhost", "internal", "local", "onion", "alt", "home.arpa",
					    "example.com", "example.net", "example.org"};
	struct sockaddr_storage address;
	if (slice_find_char(name, '.') == SLICE_NONE || config_parse_address(name, &address))
		return false;
	for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) {
		struct slice suffix = slice_of(apart[i]);
		bool ends = slice_ends_nocase(name, suffix) && (name.len == suffix.len || name.at[name.len - suffix.len - 1] == '.');
		if (ends)
			return false;
	}
	return true;
}

bool config_wants_acme(const struct config *config)
{
	struct slice wanted = slice_of(config->acme);
	return slice_equal(wanted, SLICE("yes")) || (slice_equal(wanted, SLICE("auto")) && config_is_public_name(slice_of(config->hostname)));
}
