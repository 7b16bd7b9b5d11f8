/* Numbers over time, on disk; see history.h. */
#include "cli/history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

enum { PATH_SIZE = 4096, NAME_SIZE = 40, FILE_MAX = 8 * 1024 * 1024, DAY_SECONDS = 86400 };

const struct cli_history_row cli_history_rows[CLI_HISTORY_SERIES] = {
#define SERIES(NAME, name, kind, from, measure) {name, CLI_HISTORY_##kind, CLI_HISTORY_##from, measure},
#include "cli/history.def"
#undef SERIES
};

static const struct { const char *prefix, *form; int kept; } steps[] = {
	[CLI_HISTORY_MINUTES] = {"minutes-", "minutes-%Y%m%d", CLI_HISTORY_DAYS}, [CLI_HISTORY_HOURS] = {"hours-", "hours-%Y%m", CLI_HISTORY_MONTHS}};

/* ---- Samples ---- */

struct cli_history_provider *cli_history_provider(struct cli_history_sample *sample, struct slice name)
{
	name = slice_sub(name, 0, CLI_HISTORY_PROVIDER_MAX - 1);
	for (size_t i = 0; i < sample->provider_count; i++)
		if (slice_equal(name, slice_of(sample->providers[i].name)))
			return &sample->providers[i];
	if (name.len == 0 || sample->provider_count == CLI_HISTORY_PROVIDERS_MAX)
		return NULL;
	struct cli_history_provider *provider = &sample->providers[sample->provider_count++];
	*provider = (struct cli_history_provider){0};
	memcpy(provider->name, name.at, name.len);
	return provider;
}

static int64_t mail_of(const struct cli_history_provider *provider) { return provider->delivered + provider->deferred + provider->failed; }

/* There is no room for one more: the smallest gives way, if it is smaller. */
static struct cli_history_provider *smallest(struct cli_history_sample *whole)
{
	struct cli_history_provider *found = &whole->providers[0];
	for (size_t i = 1; i < whole->provider_count; i++)
		if (mail_of(&whole->providers[i]) < mail_of(found))
			found = &whole->providers[i];
	return found;
}

static void add_provider(struct cli_history_sample *whole, const struct cli_history_provider *part)
{
	struct cli_history_provider *provider = cli_history_provider(whole, slice_of(part->name));
	if (!provider) {
		provider = smallest(whole);
		if (mail_of(provider) < mail_of(part))
			*provider = *part;
		return;
	}
	provider->delivered += part->delivered;
	provider->deferred += part->deferred;
	provider->failed += part->failed;
}

void cli_history_add(struct cli_history_sample *whole, const struct cli_history_sample *part)
{
	int64_t all = (int64_t)whole->count + part->count;
	if (part->count == 0)
		return;
	for (size_t i = 0; i < CLI_HISTORY_SERIES; i++)
		if (cli_history_rows[i].kind == CLI_HISTORY_SUM)
			whole->values[i] += part->values[i];
		else
			whole->values[i] += (part->values[i] - whole->values[i]) * (int64_t)part->count / all;
	for (size_t i = 0; i < part->provider_count; i++)
		add_provider(whole, &part->providers[i]);
	whole->count = (unsigned)all;
}

/* ---- A line ---- */

static json_t *json_of(const struct cli_history_sample *sample)
{
	json_t *values = json_object(), *providers = json_object();
	for (size_t i = 0; i < CLI_HISTORY_SERIES; i++)
		json_object_set_new(values, cli_history_rows[i].name, json_integer((json_int_t)sample->values[i]));
	for (size_t i = 0; i < sample->provider_count; i++) {
		const struct cli_history_provider *provider = &sample->providers[i];
		json_object_set_new(providers, provider->name, json_pack("[I, I, I]", (json_int_t)provider->delivered, (json_int_t)provider->deferred, (json_int_t)provider->failed));
	}
	return json_pack("{s:I, s:i, s:o, s:o}", "time", (json_int_t)sample->time, "count", (int)sample->count, "values", values, "providers", providers);
}

/* A number that isn't there is 0: an earlier version didn't keep it. */
static bool parse(struct slice line, struct cli_history_sample *sample)
{
	json_t *object = json_loadb(line.at, line.len, 0, NULL), *values, *providers, *numbers;
	const char *name;
	json_int_t time, count;
	*sample = (struct cli_history_sample){0};
	bool done = object && json_unpack(object, "{s:I, s:I, s:o, s:o}", "time", &time, "count", &count, "values", &values, "providers", &providers) == 0 && count > 0 && count <= INT32_MAX;
	if (done) {
		sample->time = time;
		sample->count = (unsigned)count;
		for (size_t i = 0; i < CLI_HISTORY_SERIES; i++)
			sample->values[i] = json_integer_value(json_object_get(values, cli_history_rows[i].name));
		json_object_foreach(providers, name, numbers) {
			struct cli_history_provider *provider = cli_history_provider(sample, slice_of(name));
			json_int_t delivered, deferred, failed;
			if (provider && json_unpack(numbers, "[I, I, I]", &delivered, &deferred, &failed) == 0) {
				provider->delivered = delivered;
				provider->deferred = deferred;
				provider->failed = failed;
			}
		}
	}
	json_decref(object);
	return done;
}

/* ---- Files ---- */

static void name_file(enum cli_history_step step, int64_t when, char name[NAME_SIZE])
{
	struct tm parts;
	time_t seconds = (time_t)when;
	gmtime_r(&seconds, &parts);
	strftime(name, NAME_SIZE, steps[step].form, &parts);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* The files of that step, the oldest first, as their names say. Returns how many; *list is the caller's. */
static int list_files(const char *data, enum cli_history_step step, struct dirent ***list)
{
	char path[PATH_SIZE];
	int kept = 0;
	snprintf(path, sizeof path, "%s/metrics", data);
	int count = scandir(path, list, NULL, by_name);
	for (int i = 0; i < count; i++)
		if (slice_starts(slice_of((*list)[i]->d_name), slice_of(steps[step].prefix)))
			(*list)[kept++] = (*list)[i];
		else
			free((*list)[i]);
	if (count < 0)
		*list = NULL;
	return kept;
}

static void remove_old(const char *data, enum cli_history_step step)
{
	char path[PATH_SIZE];
	struct dirent **list;
	int count = list_files(data, step, &list);
	for (int i = 0; i < count; i++) {
		if (i < count - steps[step].kept && snprintf(path, sizeof path, "%s/metrics/%s", data, list[i]->d_name) < PATH_SIZE)
			unlink(path);
		free(list[i]);
	}
	free(list);
}

static bool append(const char *path, struct slice line, struct error *error)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool done = fd >= 0 ? file_write_all(fd, line, error) : error_set_errno(error, errno, "%s", path);
	if (fd >= 0)
		close(fd);
	return done;
}

bool cli_history_write(const char *data, enum cli_history_step step, const struct cli_history_sample *sample, struct error *error)
{
	char path[PATH_SIZE], name[NAME_SIZE];
	struct buf line = BUF(2 * CLI_HISTORY_LINE_MAX);
	snprintf(path, sizeof path, "%s/metrics", data);
	if (!file_make_folders(path, 0700, error))
		return false;
	name_file(step, sample->time, name);
	snprintf(path, sizeof path, "%s/metrics/%s", data, name);
	json_t *object = json_of(sample);
	char *text = json_dumps(object, JSON_COMPACT);
	buf_printf(&line, "%s%s\n", access(path, F_OK) == 0 ? "" : "\n", text); /* what was cut off ends before it, should it be there */
	bool done = append(path, buf_slice(&line), error);
	free(text);
	json_decref(object);
	buf_free(&line);
	remove_old(data, step);
	return done;
}

void cli_history_read(const char *data, enum cli_history_step step, int64_t from, int64_t until, void (*visit)(void *context, const struct cli_history_sample *sample), void *context)
{
	char path[PATH_SIZE], first[NAME_SIZE], last[NAME_SIZE];
	struct dirent **list;
	int count = list_files(data, step, &list);
	name_file(step, from, first);
	name_file(step, until, last);
	for (int i = 0; i < count; i++) {
		struct buf text = BUF(FILE_MAX);
		bool meant = strcmp(list[i]->d_name, first) >= 0 && strcmp(list[i]->d_name, last) <= 0;
		if (meant && snprintf(path, sizeof path, "%s/metrics/%s", data, list[i]->d_name) < PATH_SIZE && file_read(path, &text, NULL)) {
			struct slice line, rest = buf_slice(&text);
			struct cli_history_sample sample;
			while (slice_cut(rest, '\n', &line, &rest))
				if (line.len > 0 && parse(line, &sample) && sample.time >= from && sample.time < until)
					visit(context, &sample);
		}
		buf_free(&text);
		free(list[i]);
	}
	free(list);
}

static void fold_one(void *context, const struct cli_history_sample *sample) { cli_history_add(context, sample); }

bool cli_history_fold(const char *data, int64_t hour, struct error *error)
{
	struct cli_history_sample whole = {.time = hour};
	cli_history_read(data, CLI_HISTORY_MINUTES, hour, hour + CLI_HISTORY_HOUR, fold_one, &whole);
	return whole.count == 0 || cli_history_write(data, CLI_HISTORY_HOURS, &whole, error);
}
