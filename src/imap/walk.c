/* Going through many messages a piece at a time, so that a command on 100,000 of them needs the memory of a few hundred. */
#include "imap/session.h"

/* How far apart two wanted messages may be and still be read with one query, the ones between thrown away. */
enum { WALK_GAP = 16 };

static bool take_index(struct walk *walk, uint32_t *index)
{
	if (walk->has_next) {
		walk->has_next = false;
		*index = walk->next;
		return true;
	}
	return set_next(&walk->indexes, &walk->cursor, index);
}

/* The next indexes that lie close enough together for one query. */
static size_t pick(struct walk *walk, uint32_t *picked)
{
	size_t count = 0;
	uint32_t index;
	while (count < walk->piece && take_index(walk, &index)) {
		if (count > 0 && index - picked[count - 1] > WALK_GAP) {
			walk->next = index;
			walk->has_next = true;
			break;
		}
		picked[count++] = index;
	}
	return count;
}

bool walk_load(struct command *command, struct walk *walk, bool *more, struct error *error)
{
	const struct selected *selected = command->imap->selected;
	if (!command->scratch)
		command->scratch = arena_new();
	arena_reset(command->scratch);
	walk->positions = arena_array(command->scratch, walk->piece, sizeof *walk->positions);
	walk->messages = arena_array(command->scratch, walk->piece, sizeof *walk->messages);
	walk->count = walk->at = 0;
	size_t picked = pick(walk, walk->positions), count, at = 0;
	*more = picked > 0;
	if (picked == 0)
		return true;
	struct message *list;
	uint32_t first = uids_at(&selected->uids, walk->positions[0]), last = uids_at(&selected->uids, walk->positions[picked - 1]);
	if (!command_account(command, error) ||
	    !message_list(command->account, selected->mailbox, first, last, 0, 0, walk->wanted, command->scratch, &list, &count, error))
		return false;
	for (size_t i = 0; i < picked; i++) {
		uint32_t uid = uids_at(&selected->uids, walk->positions[i]);
		while (at < count && list[at].uid < uid)
			at++;
		if (at == count || list[at].uid != uid) {
			command->some_gone = true;
			continue;
		}
		walk->positions[walk->count] = walk->positions[i];
		walk->messages[walk->count++] = &list[at];
	}
	return true;
}
