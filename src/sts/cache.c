/* Policies that were fetched, in memory and in a file, so that who keeps a policy host or the DNS from answering gains nothing by the end of this process.
 *
 * The file has a line for each policy: domain, id, mode, when it was fetched, max_age, hosts with commas; separated by tabs, ended by a newline. A later line of the
 * same domain counts in the place of a former one; so keeping one is a line that is added. A line that was cut off by a crash is none, and the file
 * is written anew, as it also is when it has grown to twice of what it needs. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"
#include "base/memory.h"
#include "sts/sts.h"

enum {
	LINE_MAX_BYTES = STS_HOSTS_MAX * (STS_HOST_MAX + 1) + 512,
	FILE_MAX_BYTES = 2 * STS_CACHE_SIZE_MAX + LINE_MAX_BYTES, /* it is written anew before */
	SPARE_BYTES = 64 * 1024,                                  /* a small file isn't worth it */
};

/* In a list by use: the newest is first. */
struct entry {
	struct entry *older, *newer;
	struct slice domain, line; /* the line without its newline; domain points into it */
};

struct sts_cache {
	pthread_mutex_t lock;      /* guards all that follows */
	struct map *entries;
	struct entry *newest, *oldest;
	size_t bytes;              /* of all lines */
	size_t written;            /* bytes of the file */
	char *path;
	bool torn;                 /* something in the file is damaged, or couldn't be written: it is to be written anew */
};

/* ---- Lines ---- */

static struct slice next_part(struct slice *rest)
{
	struct slice part;
	slice_cut(*rest, '\t', &part, rest);
	return part;
}

static bool read_hosts(struct slice list, struct arena *arena, struct sts_policy *policy)
{
	struct slice host;
	policy->hosts = arena_array(arena, STS_HOSTS_MAX, sizeof *policy->hosts);
	for (bool more = list.len > 0; more;) {
		more = slice_cut(list, ',', &host, &list);
		if (policy->host_count == STS_HOSTS_MAX || host.len == 0 || host.len > STS_HOST_MAX || !slice_is_printable(host))
			return false;
		policy->hosts[policy->host_count++] = host;
	}
	return policy->mode == STS_NONE || policy->host_count > 0;
}

/* Points into `line`. */
static bool read_line(struct slice line, struct arena *arena, struct slice *domain, struct sts_kept *kept)
{
	uint64_t fetched = 0, age = 0;
	*kept = (struct sts_kept){0};
	*domain = next_part(&line);
	kept->id = next_part(&line);
	struct slice mode = next_part(&line);
	bool good = domain->len > 0 && domain->len <= STS_HOST_MAX && kept->id.len <= STS_ID_MAX && sts_mode_of(mode, &kept->policy.mode) &&
		    slice_to_number(next_part(&line), INT64_MAX / 2, &fetched) && slice_to_number(next_part(&line), STS_AGE_MAX, &age);
	kept->fetched = (int64_t)fetched;
	kept->policy.max_age = (int64_t)age;
	return good && read_hosts(line, arena, &kept->policy);
}

static bool write_line(struct slice domain, const struct sts_kept *kept, struct buf *line)
{
	for (size_t i = 0; i < domain.len; i++)
		buf_append_char(line, ascii_lower(domain.at[i]));
	buf_printf(line, "\t%.*s\t%s\t%lld\t%lld\t", SLICE_ARG(kept->id), sts_mode_name(kept->policy.mode), (long long)kept->fetched, (long long)kept->policy.max_age);
	for (size_t i = 0; i < kept->policy.host_count; i++)
		buf_printf(line, "%s%.*s", i > 0 ? "," : "", SLICE_ARG(kept->policy.hosts[i]));
	return !line->overflow;
}

/* ---- Entries ---- */

static void unlink_entry(struct sts_cache *cache, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
}

static void link_entry(struct sts_cache *cache, struct entry *entry)
{
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

static void drop(struct sts_cache *cache, struct entry *entry)
{
	unlink_entry(cache, entry);
	map_remove(cache->entries, entry->domain);
	cache->bytes -= entry->line.len + 1;
	free((char *)entry->line.at);
	free(entry);
}

/* `line` is read. */
static void keep(struct sts_cache *cache, struct slice line, size_t domain_len)
{
	struct entry *former = map_get(cache->entries, slice_sub(line, 0, domain_len));
	if (former)
		drop(cache, former);
	struct entry *entry = memory_new(sizeof *entry);
	entry->line = slice_make(memory_copy(line.at, line.len), line.len);
	entry->domain = slice_sub(entry->line, 0, domain_len);
	map_put(cache->entries, entry->domain, entry);
	link_entry(cache, entry);
	cache->bytes += line.len + 1;
	while (cache->oldest != entry && (map_count(cache->entries) > STS_CACHE_DOMAINS_MAX || cache->bytes > STS_CACHE_SIZE_MAX))
		drop(cache, cache->oldest);
}

/* ---- The file ---- */

static void read_file(struct sts_cache *cache, struct slice text)
{
	struct arena *arena = arena_new();
	struct slice line, domain;
	struct sts_kept kept;
	cache->written = text.len;
	while (slice_cut(text, '\n', &line, &text)) {
		if (read_line(line, arena, &domain, &kept))
			keep(cache, line, domain.len);
		else
			cache->torn = true;
		arena_reset(arena);
	}
	cache->torn |= line.len > 0; /* without its newline */
	arena_free(&arena);
}

struct sts_cache *sts_cache_open(const char *path)
{
	struct sts_cache *cache = memory_new(sizeof *cache);
	struct buf text = BUF(FILE_MAX_BYTES);
	struct error ignored; /* a file that isn't there, or can't be read, is one without policies */
	pthread_mutex_init(&cache->lock, NULL);
	cache->entries = map_new();
	cache->path = memory_copy(path, slice_of(path).len);
	if (file_read(path, &text, &ignored))
		read_file(cache, buf_slice(&text));
	else
		cache->torn = true;
	buf_free(&text);
	return cache;
}

void sts_cache_free(struct sts_cache **freed)
{
	struct sts_cache *cache = *freed;
	*freed = NULL;
	if (!cache)
		return;
	while (cache->oldest)
		drop(cache, cache->oldest);
	map_free(&cache->entries);
	pthread_mutex_destroy(&cache->lock);
	free(cache->path);
	free(cache);
}

/* The oldest first, so that the order is the same when it is read. */
static bool write_anew(struct sts_cache *cache, struct error *error)
{
	struct buf text = BUF(FILE_MAX_BYTES);
	for (const struct entry *entry = cache->oldest; entry; entry = entry->newer) {
		buf_append(&text, entry->line);
		buf_append_char(&text, '\n');
	}
	bool done = file_replace(cache->path, buf_slice(&text), 0600, error);
	cache->torn = !done;
	cache->written = text.len;
	buf_free(&text);
	return done;
}

static bool append(struct sts_cache *cache, struct slice line, struct error *error)
{
	int fd = open(cache->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set(error, ERROR_TEMPORARY, "%s can't be opened", cache->path);
	bool done = file_write_all(fd, line, error) && (fdatasync(fd) == 0 || error_set(error, ERROR_TEMPORARY, "%s can't be synced", cache->path));
	cache->torn |= !done;
	cache->written += line.len;
	close(fd);
	return done;
}

/* ---- Using it ---- */

bool sts_cache_get(struct sts_cache *cache, struct slice domain, int64_t now, struct arena *arena, struct sts_kept *kept)
{
	char key[STS_HOST_MAX];
	struct slice line = {NULL, 0}, same;
	if (domain.len > sizeof key)
		return false;
	for (size_t i = 0; i < domain.len; i++)
		key[i] = ascii_lower(domain.at[i]);
	pthread_mutex_lock(&cache->lock);
	struct entry *entry = map_get(cache->entries, slice_make(key, domain.len));
	if (entry) {
		unlink_entry(cache, entry);
		link_entry(cache, entry);
		line = arena_copy(arena, entry->line);
	}
	pthread_mutex_unlock(&cache->lock);
	/* One that was fetched in the future has a clock behind it that was put back: it can't be told how long it holds. */
	return line.len > 0 && read_line(line, arena, &same, kept) && kept->fetched <= now && now < kept->fetched + kept->policy.max_age;
}

bool sts_cache_put(struct sts_cache *cache, struct slice domain, const struct sts_kept *kept, struct error *error)
{
	struct arena *arena = arena_new();
	struct buf line = BUF(LINE_MAX_BYTES);
	struct slice same;
	struct sts_kept again;
	bool done = write_line(domain, kept, &line) && read_line(buf_slice(&line), arena, &same, &again);
	arena_free(&arena);
	if (!done) {
		buf_free(&line);
		return error_set(error, ERROR_INVALID, "this is no policy that could be kept");
	}
	pthread_mutex_lock(&cache->lock);
	keep(cache, buf_slice(&line), same.len);
	buf_append_char(&line, '\n');
	if (cache->torn || cache->written > 2 * cache->bytes + SPARE_BYTES)
		done = write_anew(cache, error);
	else
		done = append(cache, buf_slice(&line), error);
	pthread_mutex_unlock(&cache->lock);
	buf_free(&line);
	return done;
}
