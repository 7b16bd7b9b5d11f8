/* Counting sessions; see tls_seen.h. The line that tells of one is the key under which those like it are counted. */
#include "courier/tls_seen.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"

enum { LINE_MAX = 1300 };

struct tls_seen {
	pthread_mutex_t lock; /* guards `counts` */
	struct map *counts;   /* by line: uint64_t */
};

struct tls_seen *courier_tls_seen_new(void)
{
	struct tls_seen *seen = memory_new(sizeof *seen);
	pthread_mutex_init(&seen->lock, NULL);
	seen->counts = map_new();
	return seen;
}

static void put_counts(struct map *counts, struct buf *out)
{
	size_t cursor = 0;
	struct slice line, domain;
	struct report_row row;
	void *value;
	while (map_next(counts, &cursor, &line, &value)) {
		if (out && policy_outgoing_next_session(&line, &domain, &row) && domain.len > 0) {
			row.count = *(uint64_t *)value;
			policy_outgoing_session(domain, &row, out);
		}
		free(value);
	}
}

void courier_tls_seen_free(struct tls_seen **seen)
{
	if (!*seen)
		return;
	put_counts((*seen)->counts, NULL);
	map_free(&(*seen)->counts);
	pthread_mutex_destroy(&(*seen)->lock);
	free(*seen);
	*seen = NULL;
}

void courier_tls_seen_note(struct tls_seen *seen, struct slice domain, const struct report_row *row)
{
	struct buf line = BUF(LINE_MAX);
	struct report_row one = *row;
	one.count = 1;
	if (policy_outgoing_session(domain, &one, &line)) {
		pthread_mutex_lock(&seen->lock);
		uint64_t *count = map_get(seen->counts, buf_slice(&line));
		if (!count && map_count(seen->counts) < COURIER_TLS_SEEN_MAX) {
			count = memory_new(sizeof *count);
			map_put(seen->counts, buf_slice(&line), count);
		}
		if (count)
			++*count;
		pthread_mutex_unlock(&seen->lock);
	}
	buf_free(&line);
}

void courier_tls_seen_take(struct tls_seen *seen, struct buf *out)
{
	struct map *fresh = map_new();
	pthread_mutex_lock(&seen->lock);
	struct map *counts = seen->counts;
	seen->counts = fresh;
	pthread_mutex_unlock(&seen->lock);
	put_counts(counts, out);
	map_free(&counts);
}
