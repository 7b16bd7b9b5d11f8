/* Going through many messages a piece at a time, so that a command on 100,000 of them needs the memory of a few hundred. */
#include "imap/session.h"

enum {
	WALK_GAP = 16,           /* so far apart may two wanted messages be and still be read with one query, the ones between thrown away */
	WALK_BYTES = 512 * 1024, /* what is read of the store at a time, in memory */
};

static bool take_index(struct imap_walk *walk, uint32_t *index)
{
	if (walk->has_next) {
		walk->has_next = false;
		*index = walk->next;
		return true;
	}
	return ranges_next(&walk->indexes, &walk->cursor, index);
}

static void put_back(struct imap_walk *walk, uint32_t index, struct ranges_cursor behind)
{
	walk->cursor = behind;
	walk->next = index;
	walk->has_next = true;
}

/* The next indexes that lie close enough together for one query; behind[i] is where picked[i] was followed by the next. */
static size_t pick(struct imap_walk *walk, uint32_t *picked, struct ranges_cursor *behind)
{
	size_t count = 0;
	uint32_t index;
	while (count < walk->piece && take_index(walk, &index)) {
		if (count > 0 && index - picked[count - 1] > WALK_GAP) {
			put_back(walk, index, walk->cursor);
			break;
		}
		picked[count] = index;
		behind[count++] = walk->cursor;
	}
	return count;
}

bool imap_walk_load(struct imap_command *command, struct imap_walk *walk, bool *more, struct error *error)
{
	const struct imap_selected *selected = command->imap->selected;
	if (!command->scratch)
		command->scratch = arena_new();
	arena_reset(command->scratch);
	walk->positions = arena_array(command->scratch, walk->piece, sizeof *walk->positions);
	walk->messages = arena_array(command->scratch, walk->piece, sizeof(struct message *));
	walk->count = walk->at = 0;
	struct ranges_cursor *behind = arena_array(command->scratch, walk->piece, sizeof *behind);
	size_t picked = pick(walk, walk->positions, behind), count, at = 0;
	*more = picked > 0;
	if (picked == 0)
		return true;
	struct message *list;
	bool cut;
	uint32_t first = imap_uids_at(&selected->uids, walk->positions[0]), last = imap_uids_at(&selected->uids, walk->positions[picked - 1]);
	if (!imap_command_account(command, error) || !message_list_some(command->account, selected->mailbox, first, last, WALK_BYTES, walk->wanted,
									command->scratch, &list, &count, &cut, error))
		return false;
	for (size_t i = 0; i < picked; i++) {
		uint32_t uid = imap_uids_at(&selected->uids, walk->positions[i]);
		while (at < count && list[at].uid < uid)
			at++;
		if (at == count && cut) {
			put_back(walk, walk->positions[i], behind[i]);
			break;
		}
		if (at == count || list[at].uid != uid) {
			command->some_gone = true;
			continue;
		}
		walk->positions[walk->count] = walk->positions[i];
		walk->messages[walk->count++] = &list[at];
	}
	return true;
}
