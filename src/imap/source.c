/* Messages from the store, as FETCH and SEARCH need them. */
#include "imap/source.h"

#include <errno.h>
#include <unistd.h>

#include "message/summary.h"

enum { STRUCTURE_MEMORY = 8 * 1024 * 1024, SMALL_SIZE = 64 * 1024 }; /* what the structure of a message may take; of a small one less */

bool imap_source_open(struct imap_source *source, struct error *error)
{
	if (source->fd >= 0)
		return true;
	if (!imap_command_account(source->command, error))
		return false;
	source->fd = message_open(source->command->account, source->message->id, &source->size, error);
	source->gone = source->fd < 0 && error->kind == ERROR_NOT_FOUND;
	return source->fd >= 0;
}

bool imap_source_read_into(struct imap_source *source, uint64_t offset, uint64_t length, char *at)
{
	struct error error;
	if (!imap_source_open(source, &error))
		return false;
	for (uint64_t done = 0; done < length;) {
		ssize_t got = pread(source->fd, at + done, (size_t)(length - done), (off_t)(offset + done));
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		done += got > 0 ? (uint64_t)got : 0;
	}
	return true;
}

bool imap_source_read(struct imap_source *source, uint64_t offset, uint64_t length, struct buf *out)
{
	char *room = buf_reserve(out, (size_t)length);
	if (!room || !imap_source_read_into(source, offset, length, room))
		return false;
	buf_claim(out, (size_t)length);
	return true;
}

/* NULL if the file can't be read now, or there is no memory left for it. */
static struct mime_part *parse_file(struct imap_source *source)
{
	struct error error;
	struct mime_part *structure = NULL;
	if (!imap_source_open(source, &error))
		return NULL;
	uint64_t needed = source->size + STRUCTURE_MEMORY;
	source->over_share = source->size > SMALL_SIZE && !imap_borrow(source->command->imap, needed);
	if (source->over_share)
		return NULL;
	struct buf whole = BUF(source->size + 1);
	if (imap_source_read(source, 0, source->size, &whole)) {
		structure = mime_parse(buf_slice(&whole), source->arena);
		structure->envelope->preview = message_preview(buf_slice(&whole), structure, source->arena);
	}
	buf_free(&whole);
	return structure;
}

const struct mime_part *imap_source_structure(struct imap_source *source)
{
	struct slice summary = source->message->summary;
	if (source->structure)
		return source->structure;
	struct mime_part *former = summary.len > 0 ? summary_decode(summary, source->arena) : NULL;
	if (former && summary_is_current(summary))
		return source->structure = former;
	/* There is no summary that can be read, which is damage, or it is one that an earlier version made. */
	source->structure = parse_file(source);
	if (source->structure && former)
		message_renew_summary(source->command->account, source->message->id, summary_encode(source->structure, source->arena));
	if (!source->structure && former) {
		source->structure = former;
		source->over_share = false;
	}
	return source->structure;
}

void imap_source_close(struct imap_source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	source->fd = -1;
}
