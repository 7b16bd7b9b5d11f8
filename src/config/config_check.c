/* What makes the value of an option acceptable; see config_check.h. */
#include "config/config_check.h"

#include "config/config.h"
#include "config/config_dns_list.h"
#include "config/config_dns_update.h"
#include "config/config_engine.h"

enum { HOST_NAME_MAX_LEN = 253, HOST_LABEL_MAX = 63, REPORTS_FROM_MAX = 254, PROVIDER_NAME_MAX = 240, PAGE_MAX = 1000, STORAGE_NAME_MAX = 24 };

static bool one_of(struct slice value, const char *const *allowed, struct error *error)
{
	struct buf list = BUF(200);
	for (size_t i = 0; allowed[i]; i++) {
		if (slice_equal(value, slice_of(allowed[i]))) {
			buf_free(&list);
			return true;
		}
		buf_printf(&list, "%s%s", i == 0 ? "" : allowed[i + 1] ? ", " : " or ", allowed[i]);
	}
	error_set(error, ERROR_INVALID, "\"%.*s\" is none of %.*s", SLICE_ARG(value), SLICE_ARG(buf_slice(&list)));
	buf_free(&list);
	return false;
}

/* A label of letters, digits and inner hyphens (RFC 1123 §2.1). */
static bool is_label(struct slice label)
{
	if (label.len == 0 || label.len > HOST_LABEL_MAX || label.at[0] == '-' || label.at[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!ascii_is_alpha(label.at[i]) && !ascii_is_digit(label.at[i]) && label.at[i] != '-')
			return false;
	return true;
}

bool check_host_name(struct slice value, struct error *error)
{
	struct slice label, rest = value;
	bool good = value.len <= HOST_NAME_MAX_LEN, more;
	do {
		more = slice_cut(rest, '.', &label, &rest);
		good = good && is_label(label);
	} while (more && good);
	return good || error_set(error, ERROR_INVALID, "\"%.*s\" is not a host name", SLICE_ARG(value));
}

bool check_domain(struct slice value, struct error *error)
{
	bool good = value.len <= HOST_NAME_MAX_LEN && slice_is_utf8(value);
	for (size_t i = 0; i < value.len; i++)
		good = good && (unsigned char)value.at[i] > ' ' && value.at[i] != '@';
	return good || error_set(error, ERROR_INVALID, "\"%.*s\" is not a domain", SLICE_ARG(value));
}

bool check_reports_from(struct slice value, struct error *error)
{
	struct slice local, domain;
	bool cut = slice_cut(value, '@', &local, &domain), good = cut && local.len > 0 && domain.len > 0 && value.len <= REPORTS_FROM_MAX && check_host_name(domain, error);
	for (size_t i = 0; i < local.len; i++)
		good = good && (ascii_is_alpha(local.at[i]) || ascii_is_digit(local.at[i]) || slice_find_char(SLICE("._+-="), local.at[i]) != SLICE_NONE);
	good = good && local.at[0] != '.' && local.at[local.len - 1] != '.' && slice_find(local, SLICE("..")) == SLICE_NONE;
	return good || value.len == 0 || error_set(error, ERROR_INVALID, "\"%.*s\" is no address that reports can come from: name@domain, in plain letters", SLICE_ARG(value));
}

bool check_log_level(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"debug", "info", "warning", "error", NULL}, error);
}

bool check_tls_version(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"1.2", "1.3", NULL}, error);
}

bool check_bare_lf(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"trusted", "all", "none", NULL}, error);
}

bool check_scram_over_tls(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"accepted", "offered", "bound", NULL}, error);
}

bool check_attachment_action(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"accept", "tag", "strip", "quarantine", "reject", NULL}, error);
}

/* An extension, a type, all types of a kind, or a word. */
bool check_attachment_kind(struct slice value, struct error *error)
{
	enum { KIND_MAX = 127 };
	size_t slashes = 0;
	bool good = value.len > 0 && value.len <= KIND_MAX && value.at[0] != '.';
	for (size_t i = 0; i < value.len && good; i++) {
		slashes += value.at[i] == '/';
		good = (unsigned char)value.at[i] > ' ' && (value.at[i] != '*' || (i + 1 == value.len && i > 0 && value.at[i - 1] == '/'));
	}
	return (good && slashes <= 1) || error_set(error, ERROR_INVALID, "\"%.*s\" is no extension (exe), no type (image/png, image/*), and none of the words programs and none", SLICE_ARG(value));
}

static bool check_attachment_setting(struct slice setting, struct error *error)
{
	struct slice name, value, kind;
	if (!slice_cut(setting, '=', &name, &value))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not SETTING=VALUE", SLICE_ARG(setting));
	if (slice_has_word_nocase(SLICE("encrypted macros bomb unscannable"), name))
		return check_attachment_action(value, error);
	if (!slice_has_word_nocase(SLICE("reject quarantine strip"), name))
		return error_set(error, ERROR_INVALID, "there is no setting \"%.*s\"", SLICE_ARG(name));
	for (bool more = true; more;) {
		more = slice_cut(value, ',', &kind, &value);
		if (!check_attachment_kind(kind, error))
			return false;
	}
	return true;
}

/* "ADDRESS-OR-DOMAIN SETTING=VALUE …", with one blank between. */
bool check_attachment_for(struct slice value, struct error *error)
{
	struct slice who, settings, setting;
	if (!slice_cut(value, ' ', &who, &settings) || who.len == 0)
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not an address or a domain with settings", SLICE_ARG(value));
	do {
		slice_cut(settings, ' ', &setting, &settings);
		if (!check_attachment_setting(setting, error))
			return false;
	} while (settings.len > 0);
	return true;
}

bool check_mta_sts_mode(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"testing", "enforce", "none", NULL}, error);
}

bool check_mta_sts_host(struct slice value, struct error *error)
{
	return check_host_name(slice_skip(value, slice_starts(value, SLICE("*.")) ? 2 : 0), error);
}

bool check_mta_sts(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"on", "testing", "off", NULL}, error);
}

bool check_smarthost_tls(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"none", "opportunistic", "starttls", "implicit", NULL}, error);
}

static bool is_port(struct slice text)
{
	uint64_t port;
	return slice_to_number(text, 65535, &port) && port > 0;
}

/* What libpq makes of it is found out when it is reached. */
bool check_storage(struct slice value, struct error *error)
{
	struct slice url, name;
	bool named = slice_cut(value, '#', &url, &name), good = slice_empty(value) || slice_starts(url, SLICE("postgresql://")) || slice_starts(url, SLICE("postgres://"));
	good = good && slice_is_printable(value) && slice_find_char(value, '"') == SLICE_NONE && slice_find_char(value, '\\') == SLICE_NONE &&
	       slice_find_char(value, ' ') == SLICE_NONE && (!named || (name.len > 0 && name.len <= STORAGE_NAME_MAX));
	for (size_t i = 0; good && i < name.len; i++)
		good = ascii_is_digit(name.at[i]) || name.at[i] == '_' || (name.at[i] >= 'a' && name.at[i] <= 'z');
	return good || error_set(error, ERROR_INVALID, "a storage is postgresql://USER@HOST/DATABASE, with #NAME in small letters at its end if need be");
}

bool check_resolver(struct slice value, struct error *error)
{
	struct slice address, port;
	struct sockaddr_storage parsed;
	bool has_port = slice_cut(value, '@', &address, &port);
	return (config_parse_address(address, &parsed) && (!has_port || is_port(port))) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not an address or address@port", SLICE_ARG(value));
}

bool check_sendmail_listen(struct slice value, struct error *error)
{
	if (value.len > 0 && value.at[0] == '/' && value.len < SOCKET_PATH_MAX)
		return true;
	return error_set(error, ERROR_INVALID, "\"%.*s\" is no absolute path of fewer than %d characters", SLICE_ARG(value), SOCKET_PATH_MAX);
}

bool check_listen(struct slice value, struct error *error)
{
	struct sockaddr_storage parsed;
	return config_parse_listen(value, &parsed) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not an address with a port, such as 0.0.0.0:25 or [::]:25", SLICE_ARG(value));
}

bool check_certificate(struct slice value, struct error *error)
{
	struct slice chain, key;
	return (slice_cut(value, ' ', &chain, &key) && !slice_empty(chain) && !slice_empty(slice_trim(key))) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not \"CHAIN-FILE KEY-FILE\"", SLICE_ARG(value));
}

bool check_network(struct slice value, struct error *error)
{
	struct sockaddr_storage parsed;
	unsigned bits;
	return config_parse_network(value, &parsed, &bits) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not a network such as 192.0.2.0/24 or 2001:db8::/32", SLICE_ARG(value));
}

bool check_address(struct slice value, struct error *error)
{
	struct sockaddr_storage parsed;
	return config_parse_address(value, &parsed) || error_set(error, ERROR_INVALID, "\"%.*s\" is not a numeric address", SLICE_ARG(value));
}

/* host:port, where the host is a name, an IPv4 address or an IPv6 address in brackets. */
bool check_smarthost(struct slice value, struct error *error)
{
	size_t colon = slice_find_last_char(value, ':');
	struct slice host = slice_sub(value, 0, colon == SLICE_NONE ? value.len : colon);
	struct sockaddr_storage parsed;
	bool good = colon != SLICE_NONE && is_port(slice_skip(value, colon + 1));
	if (good && host.len > 2 && host.at[0] == '[')
		good = host.at[host.len - 1] == ']' && config_parse_address(slice_sub(host, 1, host.len - 2), &parsed);
	else
		good = good && check_host_name(host, error);
	return good || error_set(error, ERROR_INVALID, "\"%.*s\" is not host:port", SLICE_ARG(value));
}

bool check_retry_schedule(struct slice value, struct error *error)
{
	int64_t seconds;
	return (config_parse_duration(value, &seconds) && seconds > 0) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not a time such as 5m or 4h", SLICE_ARG(value));
}

/* "4.5", "-0.25" */
static bool is_points(struct slice text)
{
	int points;
	return config_parse_points(text, &points);
}

bool check_points(struct slice value, struct error *error)
{
	return is_points(value) || error_set(error, ERROR_INVALID, "\"%.*s\" is not a number of points such as 4.5", SLICE_ARG(value));
}

bool check_rule_points(struct slice value, struct error *error)
{
	struct slice rule, points;
	return (slice_cut(value, ' ', &rule, &points) && rule.len > 0 && is_points(slice_trim(points))) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not a rule with points such as \"HTML_ONLY 0.2\"", SLICE_ARG(value));
}

bool config_parse_daytime(struct slice text, int *hour, int *minute)
{
	struct slice hours, minutes;
	uint64_t h, m;
	if (!slice_cut(text, ':', &hours, &minutes) || minutes.len != 2 || hours.len > 2 || !slice_to_number(hours, 23, &h) || !slice_to_number(minutes, 59, &m))
		return false;
	*hour = (int)h;
	*minute = (int)m;
	return true;
}

int config_snooze_at(const struct config *config)
{
	int hour, minute;
	return config_parse_daytime(slice_of(config->snooze_until), &hour, &minute) ? hour * 60 + minute : -1;
}

bool check_daytime(struct slice value, struct error *error)
{
	int hour, minute;
	return slice_equal(value, SLICE("off")) || config_parse_daytime(value, &hour, &minute) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is neither off nor a time of the day such as 07:00", SLICE_ARG(value));
}

/* What becomes of a message for something that is wrong with its client. */
bool check_door(struct slice value, struct error *error)
{
	return slice_equal(value, SLICE("off")) || slice_equal(value, SLICE("warn")) || slice_equal(value, SLICE("reject")) || is_points(value) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is neither off, warn, reject nor a number of points such as 1.5", SLICE_ARG(value));
}

/* An address or network, a domain, a sender's address, or country=XX. */
bool check_access(struct slice value, struct error *error)
{
	struct sockaddr_storage parsed;
	struct slice country = SLICE("country="), local, domain;
	unsigned bits;
	bool plain = value.len > 0 && slice_find_char(value, ',') == SLICE_NONE && slice_find_char(value, ' ') == SLICE_NONE, good;
	if (slice_starts(value, country))
		good = value.len == country.len + 2 && ascii_is_alpha(value.at[value.len - 2]) && ascii_is_alpha(value.at[value.len - 1]);
	else if (slice_cut(value, '@', &local, &domain))
		good = local.len > 0 && domain.len > 0 && check_domain(domain, error);
	else
		good = config_parse_network(value, &parsed, &bits) || (slice_find_char(value, '/') == SLICE_NONE && check_domain(value, error));
	return (plain && good) || error_set(error, ERROR_INVALID, "\"%.*s\" is none of 192.0.2.1, 192.0.2.0/24, example.org, ann@example.org and country=DE", SLICE_ARG(value));
}

static bool check_access_setting(struct slice setting, struct error *error)
{
	struct slice name, value, entry;
	if (!slice_cut(setting, '=', &name, &value) || !slice_has_word_nocase(SLICE("allow deny"), name))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is neither allow=ENTRY,… nor deny=ENTRY,…", SLICE_ARG(setting));
	for (bool more = true; more;) {
		more = slice_cut(value, ',', &entry, &value);
		if (!check_access(entry, error))
			return false;
	}
	return true;
}

/* "ADDRESS-OR-DOMAIN allow=… deny=…", with one blank between. */
bool check_access_for(struct slice value, struct error *error)
{
	struct slice who, settings, setting;
	if (!slice_cut(value, ' ', &who, &settings) || who.len == 0)
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not an address or a domain with allow= or deny=", SLICE_ARG(value));
	do {
		slice_cut(settings, ' ', &setting, &settings);
		if (!check_access_setting(setting, error))
			return false;
	} while (settings.len > 0);
	return true;
}

bool check_greylist(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"off", "suspicious", "all", NULL}, error);
}

bool check_rate(struct slice value, struct error *error)
{
	struct config_rate rate;
	return config_parse_rate(value, &rate) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is none of address=MESSAGES/RECIPIENTS, network=…, sender=… and recipient=NUMBER", SLICE_ARG(value));
}

bool check_dns_list(struct slice value, struct error *error)
{
	struct config_dns_list list;
	return config_parse_dns_list(value, &list, error);
}

bool check_dns_update(struct slice value, struct error *error)
{
	struct config_dns_update update;
	return config_parse_dns_update(value, &update, error);
}

bool check_quarantine_release(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"nobody", "own", NULL}, error);
}

bool check_virus_action(struct slice value, struct error *error)
{
	return one_of(value, (const char *const[]){"reject", "quarantine", "tag", NULL}, error);
}

bool check_engine(struct slice value, struct error *error)
{
	struct config_engine engine;
	return config_parse_engine(value, &engine, error);
}

bool check_provider_name(struct slice value, struct error *error)
{
	return (value.len <= PROVIDER_NAME_MAX && slice_is_utf8(value)) || error_set(error, ERROR_INVALID, "it must be UTF-8, and at most %d bytes", PROVIDER_NAME_MAX);
}

bool check_page(struct slice value, struct error *error)
{
	bool good = value.len <= PAGE_MAX && (slice_starts(value, SLICE("https://")) || slice_starts(value, SLICE("http://"))) && slice_is_printable(value) &&
		    slice_find_char(value, ' ') == SLICE_NONE && slice_find_char(value, '"') == SLICE_NONE;
	return good || error_set(error, ERROR_INVALID, "\"%.*s\" is not a URL such as https://example.org/mail", SLICE_ARG(value));
}

bool check_separator(struct slice value, struct error *error)
{
	char c = value.len == 1 ? value.at[0] : '\0';
	return (c > ' ' && c < 0x7f && c != '@' && c != '"' && c != '\\' && !ascii_is_alpha(c) && !ascii_is_digit(c)) ||
	       error_set(error, ERROR_INVALID, "\"%.*s\" is not a single separating character such as +", SLICE_ARG(value));
}
