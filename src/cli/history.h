/* What the server's numbers were: DIR/metrics, of a bounded size. Each minute one line of JSON is added to a file of its day (minutes-20261130), and from these each hour one to a
 * file of its month (hours-202611); the newest HISTORY_DAYS and HISTORY_MONTHS of them stay. One that was cut off is passed over. */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include <jansson.h>

#include "base/arena.h"
#include "base/error.h"

enum cli_history_series {
#define SERIES(NAME, name, kind, from, measure) CLI_HISTORY_##NAME,
#include "cli/history.def"
#undef SERIES
	CLI_HISTORY_SERIES,
};
enum cli_history_kind { CLI_HISTORY_SUM, CLI_HISTORY_GAUGE };
enum cli_history_from { CLI_HISTORY_EVENT, CLI_HISTORY_VALUE, CLI_HISTORY_DISK, CLI_HISTORY_LOG };
extern const struct cli_history_row {
	const char *name;
	enum cli_history_kind kind;
	enum cli_history_from from;
	const char *measure;
} cli_history_rows[CLI_HISTORY_SERIES];

enum {
	CLI_HISTORY_PROVIDERS_MAX = 20, /* of a sample; those with the fewest are left out */
	CLI_HISTORY_PROVIDER_MAX = 64,  /* bytes of a name */
	CLI_HISTORY_DAYS = 3, CLI_HISTORY_MONTHS = 4, /* files that are kept */
	CLI_HISTORY_LINE_MAX = 4096,
	CLI_HISTORY_HOUR = 3600,
};

/** What became of mail at one provider: the registered domain of its servers. */
struct cli_history_provider {
	char name[CLI_HISTORY_PROVIDER_MAX];
	int64_t delivered, deferred, failed;
};
struct cli_history_sample {
	int64_t time;                       /* its step's beginning, seconds since 1970 */
	int64_t values[CLI_HISTORY_SERIES];
	struct cli_history_provider providers[CLI_HISTORY_PROVIDERS_MAX];
	size_t provider_count;
	unsigned count;                     /* how many samples it is the sum of; 0: it is none */
};
/** The provider's place in the sample; NULL: there is no room. */
struct cli_history_provider *cli_history_provider(struct cli_history_sample *sample, struct slice name);

/** Adds a sample to a longer step: sums of both, gauges weighed by how many samples they are the mean of. */
void cli_history_add(struct cli_history_sample *whole, const struct cli_history_sample *part);

enum cli_history_step { CLI_HISTORY_MINUTES, CLI_HISTORY_HOURS };
/** Adds a line, and removes files that are too old. `data`: the data directory. */
bool cli_history_write(const char *data, enum cli_history_step step, const struct cli_history_sample *sample, struct error *error);
/** Calls `visit` with each sample of from <= time < until, in order. None is no failure. */
void cli_history_read(const char *data, enum cli_history_step step, int64_t from, int64_t until, void (*visit)(void *context, const struct cli_history_sample *sample), void *context);
/** Sums up the minutes of the hour that begins then, and writes it, if there are any. */
bool cli_history_fold(const char *data, int64_t hour, struct error *error);

#endif
