/* The configuration: one table, options.def, gives the fields of struct config, the parser, defaults, validation,
 * `pombal config`, the example file and the manual page.
 *
 * A loaded configuration is immutable. config_current() is what the process works by now; a reload puts another in its
 * place, and the former stays valid until the process ends (reloads are rare, a configuration is a few kilobytes), so a
 * session may keep the pointer it began with. */
#ifndef CONFIG_H
#define CONFIG_H

#include <sys/socket.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "config/roles.h"

struct config_string_list {
	const char **at;
	size_t count;
};

/* Types of options.def: a flag is bool; a number int64_t; a size int64_t in bytes ("25M" in the file); a duration
 * int64_t in seconds ("5m", "4h", "3d"); text const char *; a list struct string_list. */
struct config {
#define OPTION_FLAG(name, default_value, effect, doc) bool name;
#define OPTION_NUMBER(name, default_value, least, most, effect, doc) int64_t name;
#define OPTION_SIZE(name, default_value, least, most, effect, doc) int64_t name;
#define OPTION_DURATION(name, default_value, least, most, effect, doc) int64_t name;
#define OPTION_TEXT(name, default_value, check, effect, doc) const char *name;
#define OPTION_LIST(name, default_value, check, effect, doc) struct config_string_list name;
#include "config/options.def"
};

/** Parses `text` (the whole of a pombal.conf); NULL with *error "pombal.conf:12: …" on the first mistake. `path` is for messages. */
struct config *config_parse(struct slice text, const char *path, struct error *error);
/** Reads DIR/pombal.conf and parses it. */
struct config *config_load(const char *data, struct error *error);
/** For a configuration that was never made current (the command line, tests). Sets *config to NULL. */
void config_free(struct config **config);

/** Never NULL: before one was made current, the defaults. */
const struct config *config_current(void);
/** Makes it current and takes it over. */
void config_set_current(struct config *config);
/** Frees all configurations that were ever current; at the process's end only. */
void config_free_all(void);

/* ---- Values as they are written in the file ---- */

/** "90" (seconds), "5m", "4h", "3d", "2w", also put together: "1h30m". */
bool config_parse_duration(struct slice text, int64_t *seconds);
/** "07:00": a time of the day. */
bool config_parse_daytime(struct slice text, int *hour, int *minute);
/** Option snooze_until in minutes after midnight; -1: off. */
int config_snooze_at(const struct config *config);
/** "1024", "64K", "25M", "2G", "1T", also "25MB" and "25MiB": bytes, powers of 1024. */
bool config_parse_size(struct slice text, int64_t *bytes);
/** "4", "-0.25": hundredths, within ±99999. */
bool config_parse_points(struct slice text, int *points);
/** "192.0.2.1:25" or "[2001:db8::1]:25": a numeric address with its port, which may be 0. */
enum { SOCKET_PATH_MAX = 108 }; /* of a socket in the file system, with its NUL: unix(7) */
bool config_parse_listen(struct slice text, struct sockaddr_storage *address);
/** Are certificates to be had from an authority (option acme)? */
bool config_wants_acme(const struct config *config);
/** Is it a name that others may find in the DNS: none of those that are set apart (RFC 6761, RFC 8375, RFC 9476), and none without a dot? */
bool config_is_public_name(struct slice name);
/** "192.0.2.1" or "2001:db8::1"; "::ffff:192.0.2.1" is the former, here and in what follows, also in a network ("::ffff:192.0.2.0/120"). */
bool config_parse_address(struct slice text, struct sockaddr_storage *address);
/** "192.0.2.0/24", "2001:db8::/32", or an address alone. */
bool config_parse_network(struct slice text, struct sockaddr_storage *address, unsigned *bits);
/** Is the address in one of these networks? */
bool config_networks_hold(const struct config_string_list *networks, const struct sockaddr_storage *address);
/** May something be fetched from this address although it isn't one of the public internet (fetch_private_networks)? For net/fetch.h. */
bool config_may_fetch(const struct sockaddr_storage *address);

/** How much is taken of a stranger within an hour (option stranger_rates): "address=3000/20000", messages and recipients; "recipient=2000". */
enum config_rate_of { CONFIG_RATE_ADDRESS, CONFIG_RATE_NETWORK, CONFIG_RATE_SENDER, CONFIG_RATE_RECIPIENT };
struct config_rate {
	enum config_rate_of of;
	int64_t messages, recipients; /* 0: any number */
};
bool config_parse_rate(struct slice text, struct config_rate *rate);

/* ---- The table itself, for who shows or documents it ---- */

enum option_kind { OPTION_KIND_SECTION, OPTION_KIND_FLAG, OPTION_KIND_NUMBER, OPTION_KIND_SIZE, OPTION_KIND_DURATION, OPTION_KIND_TEXT, OPTION_KIND_LIST };

/** When a changed value takes effect. */
enum option_effect {
	EFFECT_LIVE,  /* at once after `pombal reload`, for all that begins; a session that is open keeps what it began with */
	EFFECT_START, /* when the whole server is started the next time */
	EFFECT_NETWORK, /* at `pombal reload`: the roles that connect to other machines (roles.def) end in order and start anew */
	EFFECT_ROLES, /* from here on: EFFECT_SMTP and so on, that role ends in order at `pombal reload`, and starts anew with it */
	EFFECT_BEFORE_ROLES = EFFECT_ROLES - 1,
#define ROLE(NAME, name, ...) EFFECT_##NAME,
#include "config/roles.def"
	EFFECT_COUNT,
};
/** As people read it: "at once", "the courier role starts anew". */
extern const char *const option_effects[EFFECT_COUNT];

struct option {
	enum option_kind kind;
	enum option_effect effect;
	const char *name;         /* NULL for a section, whose title is in doc */
	size_t offset;            /* in struct config */
	int64_t number;           /* default of flags, numbers, sizes and durations */
	const char *text;         /* default of texts; of lists, separated by spaces */
	int64_t least, most;
	bool (*check)(struct slice value, struct error *error);
	const char *doc;
};
extern const struct option config_options[];
extern const size_t config_option_count;

/** The option of that name, or NULL. */
const struct option *config_option(struct slice name);
/** Has the option the same value in both configurations? NULL stands for the defaults. */
bool config_same_value(const struct config *a, const struct config *b, const struct option *option);
/** Appends an option's value (config NULL: its default) as it would stand in the file: 25M, "text", {"a", "b"}. */
void config_write_value(struct buf *out, const struct config *config, const struct option *option);
/** One entry of a list, or a text, quoted for the file. */
void config_write_quoted(struct buf *out, struct slice text);
/** Appends a whole, documented file: options that differ from their defaults are set, the others stand as comments. */
void config_write_file(struct buf *out, const struct config *config);

/** In which language a manual page is written: `of` gives what stands for an English sentence, or the sentence itself. */
struct config_words {
	const char *(*of)(void *context, const char *sentence);
	void *context;
	bool upper; /* titles are written in capital letters here: of English ones; other languages' come so */
};
/** Appends text in roff, `what stands so` bold. */
void config_write_roff(struct buf *out, struct slice text);
/** Appends ".SH TITLE" of a sentence. */
void config_write_title(struct buf *out, const struct config_words *words, const char *title);
/** Appends the manual page pombal.conf(5) in roff. */
void config_write_manual(struct buf *out, const struct config_words *words);

#endif
