/* See uids.h. */
#include "imap/uids.h"

#include <assert.h>

#include "base/array.h"
#include "base/memory.h"

/* The run that holds an index: the last that begins at or before it. */
static size_t run_of_index(const struct imap_uids *uids, size_t index)
{
	size_t low = 0, high = uids->run_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (uids->runs[middle].index <= index)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static size_t run_end(const struct imap_uids *uids, size_t run)
{
	return run + 1 < uids->run_count ? uids->runs[run + 1].index : uids->count;
}

uint32_t imap_uids_at(const struct imap_uids *uids, size_t index)
{
	assert(index < uids->count);
	const struct imap_uid_run *run = &uids->runs[run_of_index(uids, index)];
	return run->uid + (uint32_t)(index - run->index);
}

uint32_t imap_uids_last(const struct imap_uids *uids)
{
	return imap_uids_at(uids, uids->count - 1);
}

size_t imap_uids_seek(const struct imap_uids *uids, uint32_t uid)
{
	size_t low = 0, high = uids->run_count; /* runs below low begin at or before uid, those from high on behind it */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (uids->runs[middle].uid <= uid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return 0;
	const struct imap_uid_run *run = &uids->runs[low - 1];
	size_t index = run->index + (size_t)(uid - run->uid), end = run_end(uids, low - 1);
	return index < end ? index : end;
}

bool imap_uids_find(const struct imap_uids *uids, uint32_t uid, size_t *index)
{
	*index = imap_uids_seek(uids, uid);
	return *index < uids->count && imap_uids_at(uids, *index) == uid;
}

void imap_uids_add(struct imap_uids *uids, uint32_t uid)
{
	assert(uids->count == 0 || uid > imap_uids_last(uids));
	if (uids->count == 0 || uid != imap_uids_last(uids) + 1) {
		ARRAY_GROW(uids->runs, uids->run_count, uids->run_room);
		uids->runs[uids->run_count++] = (struct imap_uid_run){uid, (uint32_t)uids->count};
	}
	uids->count++;
}

/* Adds what a run has from index `from` up to `to`. */
static void add_part(struct imap_uids *into, const struct imap_uid_run *run, size_t from, size_t to)
{
	if (from >= to)
		return;
	imap_uids_add(into, run->uid + (uint32_t)(from - run->index));
	into->count += to - from - 1;
}

void imap_uids_take_out(struct imap_uids *uids, const size_t *indexes, size_t count)
{
	struct imap_uids kept = {0};
	for (size_t run = 0, gone = 0; run < uids->run_count; run++) {
		size_t from = uids->runs[run].index, end = run_end(uids, run);
		for (; gone < count && indexes[gone] < end; from = indexes[gone++] + 1)
			add_part(&kept, &uids->runs[run], from, indexes[gone]);
		add_part(&kept, &uids->runs[run], from, end);
	}
	imap_uids_free(uids);
	*uids = kept;
}

void imap_uids_free(struct imap_uids *uids)
{
	free(uids->runs);
	*uids = (struct imap_uids){0};
}
