/* Entries of the option `engines`; see config_engine.h. */
#include "config/config_engine.h"

#include <netinet/in.h>
#include <sys/un.h>

#include "config/config_settings.h"

enum { MEGABYTE = 1024 * 1024, TIMEOUT_DEFAULT = 20, WEIGHT_ONE = 100 };

const char *const config_engine_kinds[CONFIG_ENGINE_KINDS] = {"clamd", "spamd", "rspamd", "icap", "milter"};

/* What the programs take by themselves, or their own clients give them at most. */
static const int64_t size_defaults[CONFIG_ENGINE_KINDS] = {25 * MEGABYTE, MEGABYTE / 2, 20 * MEGABYTE, 25 * MEGABYTE, 50 * MEGABYTE};

static bool take_kind(struct slice word, struct config_engine *engine, struct error *error)
{
	for (int kind = 0; kind < CONFIG_ENGINE_KINDS; kind++)
		if (slice_equal(word, slice_of(config_engine_kinds[kind]))) {
			engine->kind = (enum config_engine_kind)kind;
			engine->max = size_defaults[kind];
			snprintf(engine->name, sizeof engine->name, "%s", config_engine_kinds[kind]);
			return true;
		}
	return error_set(error, ERROR_INVALID, "\"%.*s\" is no kind of engine: clamd, spamd, rspamd, icap or milter", SLICE_ARG(word));
}

static bool take_place(struct slice word, struct config_engine *engine, struct error *error)
{
	struct sockaddr_un *local = (struct sockaddr_un *)&engine->address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)&engine->address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&engine->address;
	engine->place = word;
	if (word.len > 1 && word.at[0] == '/' && word.len < sizeof local->sun_path) {
		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, word.at, word.len);
		return true;
	}
	if (config_parse_listen(word, &engine->address) && (engine->address.ss_family == AF_INET ? four->sin_port : six->sin6_port) != 0)
		return true;
	return error_set(error, ERROR_INVALID, "\"%.*s\" is neither an address with a port, such as 127.0.0.1:3310 or [::1]:3310, nor the absolute path of a socket",
			 SLICE_ARG(word));
}

/* ---- Settings ---- */

static bool is_word(struct slice text, size_t most, const char *others)
{
	bool good = text.len > 0 && text.len <= most;
	for (size_t i = 0; good && i < text.len; i++)
		good = ascii_is_alpha(text.at[i]) || ascii_is_digit(text.at[i]) || (text.at[i] != '\0' && strchr(others, text.at[i]));
	return good;
}

static bool set_name(struct slice value, void *target)
{
	struct config_engine *engine = target;
	snprintf(engine->name, sizeof engine->name, "%.*s", SLICE_ARG(value));
	return is_word(value, CONFIG_ENGINE_NAME_MAX, "-_.");
}

static bool set_service(struct slice value, void *target)
{
	struct config_engine *engine = target;
	snprintf(engine->service, sizeof engine->service, "%.*s", SLICE_ARG(value));
	return engine->kind == CONFIG_ENGINE_ICAP && is_word(value, CONFIG_ENGINE_SERVICE_MAX, "-_./?=&");
}

static bool set_timeout(struct slice value, void *target)
{
	struct config_engine *engine = target;
	return config_parse_duration(value, &engine->timeout) && engine->timeout >= 1 && engine->timeout <= CONFIG_ENGINE_SECONDS_MAX;
}

static bool set_down(struct slice value, void *target)
{
	struct config_engine *engine = target;
	engine->down = slice_equal(value, SLICE("defer")) ? CONFIG_ENGINE_DEFER : slice_equal(value, SLICE("tag")) ? CONFIG_ENGINE_TAG : CONFIG_ENGINE_ACCEPT;
	return engine->down != CONFIG_ENGINE_ACCEPT || slice_equal(value, SLICE("accept"));
}

static bool set_max(struct slice value, void *target)
{
	struct config_engine *engine = target;
	return config_parse_size(value, &engine->max) && engine->max > 0;
}

static bool set_weight(struct slice value, void *target)
{
	struct config_engine *engine = target;
	return config_parse_points(value, &engine->weight) && engine->weight >= 0 && engine->weight <= CONFIG_ENGINE_WEIGHT_MAX;
}

static bool set_for(struct slice value, void *target)
{
	struct config_engine *engine = target;
	engine->whose = slice_equal(value, SLICE("ours")) ? CONFIG_ENGINE_OURS : slice_equal(value, SLICE("all")) ? CONFIG_ENGINE_ALL : CONFIG_ENGINE_STRANGERS;
	return engine->whose != CONFIG_ENGINE_STRANGERS || slice_equal(value, SLICE("strangers"));
}

static const struct config_setting settings[] = {
	{"name", set_name, "at most 32 letters, digits and -_."},
	{"service", set_service, "the path of an icap engine's service, such as avscan"},
	{"timeout", set_timeout, "a time of 1s to 10m"},
	{"down", set_down, "accept, tag or defer"},
	{"max", set_max, "a size such as 25M"},
	{"weight", set_weight, "a number of 0 to 10, such as 0.5"},
	{"for", set_for, "strangers, ours or all"},
};

bool config_parse_engine(struct slice entry, struct config_engine *engine, struct error *error)
{
	struct slice rest = entry;
	*engine = (struct config_engine){.timeout = TIMEOUT_DEFAULT, .weight = WEIGHT_ONE, .whose = CONFIG_ENGINE_STRANGERS};
	if (slice_find_char(entry, '\0') != SLICE_NONE)
		return error_set(error, ERROR_INVALID, "an engine with a NUL in it");
	if (!take_kind(config_next_word(&rest), engine, error) || !take_place(config_next_word(&rest), engine, error))
		return false;
	if (!config_take_settings(rest, settings, sizeof settings / sizeof *settings, "an engine", engine, error))
		return false;
	if (engine->kind == CONFIG_ENGINE_ICAP && !engine->service[0])
		return error_set(error, ERROR_INVALID, "an icap engine needs the path of its service, such as service=avscan");
	return true;
}

socklen_t config_engine_address_length(const struct config_engine *engine)
{
	switch (engine->address.ss_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	default:
		return sizeof(struct sockaddr_un);
	}
}

bool config_engines_see_ours(const struct config *config, bool *must)
{
	struct config_engine engine;
	bool any = false;
	*must = false;
	for (size_t i = 0; i < config->engines.count; i++)
		if (config_parse_engine(slice_of(config->engines.at[i]), &engine, NULL) && (engine.whose & CONFIG_ENGINE_OURS)) {
			any = true;
			*must |= engine.down == CONFIG_ENGINE_DEFER;
		}
	return any;
}

int64_t config_engines_timeout(const struct config *config)
{
	int64_t longest = 0, milters = 0;
	for (size_t i = 0; i < config->engines.count; i++) {
		struct config_engine engine;
		if (!config_parse_engine(slice_of(config->engines.at[i]), &engine, NULL))
			continue;
		if (engine.kind == CONFIG_ENGINE_MILTER)
			milters += engine.timeout;
		else if (engine.timeout > longest)
			longest = engine.timeout;
	}
	return milters + longest < CONFIG_ENGINE_SECONDS_MAX ? milters + longest : CONFIG_ENGINE_SECONDS_MAX;
}
