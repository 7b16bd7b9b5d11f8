/* What an entry of the option `engines` says: a scanner of others that is asked about messages, where it listens, and how it is used.
 * "clamd 127.0.0.1:3310 timeout=30 down=defer": kind and place, then settings in any order, each once. */
#ifndef CONFIG_ENGINE_H
#define CONFIG_ENGINE_H

#include "config/config.h"

enum {
	CONFIG_ENGINES_MAX = 16,        /* of one server */
	CONFIG_ENGINE_NAME_MAX = 32,
	CONFIG_ENGINE_SERVICE_MAX = 64,
	CONFIG_ENGINE_SECONDS_MAX = 600,
	CONFIG_ENGINE_WEIGHT_MAX = 1000, /* hundredths: tenfold */
};

enum config_engine_kind { CONFIG_ENGINE_CLAMD, CONFIG_ENGINE_SPAMD, CONFIG_ENGINE_RSPAMD, CONFIG_ENGINE_ICAP, CONFIG_ENGINE_MILTER, CONFIG_ENGINE_KINDS };
/** As the entry begins: "clamd". */
extern const char *const config_engine_kinds[CONFIG_ENGINE_KINDS];

/** What becomes of a message that the engine says nothing about. */
enum config_engine_down { CONFIG_ENGINE_ACCEPT, CONFIG_ENGINE_TAG, CONFIG_ENGINE_DEFER };

/** For whose mail it is asked: a sum. */
enum { CONFIG_ENGINE_STRANGERS = 1, CONFIG_ENGINE_OURS = 2, CONFIG_ENGINE_ALL = 3 };

struct config_engine {
	enum config_engine_kind kind;
	char name[CONFIG_ENGINE_NAME_MAX + 1]; /* in logs and fields; its kind, unless another was set */
	struct sockaddr_storage address;       /* with port; or AF_UNIX */
	struct slice place;                    /* the same as it was written; points into the entry */
	char service[CONFIG_ENGINE_SERVICE_MAX + 1]; /* of an ICAP server */
	int64_t timeout;                       /* seconds */
	enum config_engine_down down;
	int64_t max;                           /* bytes; about larger mail it isn't asked */
	int weight;                            /* hundredths by which its points count */
	unsigned whose;                        /* CONFIG_ENGINE_… */
};

/** Parses an entry. False, with what is wrong with it. */
bool config_parse_engine(struct slice entry, struct config_engine *engine, struct error *error);
/** The length of the address, as connect(2) wants it. */
socklen_t config_engine_address_length(const struct config_engine *engine);
/** Is one asked about what our own people send? *must: one without whose answer nothing is taken. */
bool config_engines_see_ours(const struct config *config, bool *must);
/** How long they may take altogether, in seconds: milters one after the other, then the others at the same time; CONFIG_ENGINE_SECONDS_MAX at most. 0: there
 * are none. */
int64_t config_engines_timeout(const struct config *config);

#endif
