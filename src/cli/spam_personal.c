/* What a message in a file is for one account; see spam_personal.h. */
#include "cli/spam_personal.h"

#include <stdlib.h>

#include "base/memory.h"
#include "cli/instance.h"
#include "message/address.h"
#include "message/header.h"
#include "policy/reputation.h"
#include "training/correspondents.h"
#include "training/origin.h"
#include "training/training.h"

struct cli_spam_personal {
	struct policy_reputation *reputation; /* NULL: there is none yet */
	struct classify_store *words;         /* NULL: none */
	char *correspondents;                 /* NULL: no account is asked about */
};

static bool open_account(struct cli_spam_personal *personal, struct command_line *line, const char *account, struct error *error)
{
	struct slice name;
	struct error none;
	struct store *store = instance_address(line, slice_of(account), &name, error) ? instance_store_to_look(line) : NULL;
	if (!store)
		return false;
	char *path = store_account_file(store, name, TRAINING_TOKENS, error);
	personal->words = path ? classify_store_read_foreign(path, &none) : NULL;
	personal->correspondents = store_account_file(store, name, TRAINING_CORRESPONDENTS, error);
	free(path);
	store_close(&store);
	return personal->correspondents != NULL;
}

struct cli_spam_personal *cli_spam_personal_open(struct command_line *line, const char *account, struct error *error)
{
	struct error none;
	struct cli_spam_personal *personal = memory_new(sizeof *personal);
	*personal = (struct cli_spam_personal){.reputation = policy_reputation_read(arena_printf(line->arena, "%s/policy", line->data).at, &none)};
	if (account && !open_account(personal, line, account, error))
		cli_spam_personal_close(&personal);
	return personal;
}

void cli_spam_personal_close(struct cli_spam_personal **personal)
{
	if (!*personal)
		return;
	policy_reputation_close(&(*personal)->reputation);
	classify_store_close(&(*personal)->words);
	free((*personal)->correspondents);
	free(*personal);
	*personal = NULL;
}

const struct classify_store *cli_spam_personal_words(const struct cli_spam_personal *personal) { return personal->words; }

/* The author's address, if there is one, and his domain is proved. */
static struct slice proved_author(const struct cli_spam_message *message, struct slice header, struct slice domain)
{
	struct header_field field;
	struct address *list;
	size_t count = 0;
	if (domain.len == 0 || !header_find(header, SLICE("From"), &field))
		return SLICE("");
	address_parse_list(field.body, 2, message->arena, &list, &count);
	if (count != 1 || !slice_equal_nocase(domain_to_ascii(list[0].domain, message->arena), domain))
		return SLICE("");
	struct slice local = address_quote(list[0].local, message->arena);
	return address_canonical(arena_printf(message->arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(list[0].domain)), message->arena);
}

void cli_spam_personal_know(const struct cli_spam_personal *personal, const struct cli_spam_message *message, int64_t now, struct score_origin *origin)
{
	struct slice header = slice_sub(message->bytes, 0, (size_t)message->root->header_size), domain = training_origin(header, message->arena);
	struct slice author = proved_author(message, header, domain);
	if (personal->reputation && domain.len > 0) {
		struct policy_renown renown = policy_reputation_look(personal->reputation, policy_reputation_domain(score_registered(domain)), now);
		origin->domain_days = renown.days;
		origin->reputation = renown.value;
	}
	if (!personal->correspondents)
		return;
	origin->known_correspondent = training_correspondents_has(personal->correspondents, TRAINING_WRITTEN_TO, author, now);
	origin->first_contact = !origin->known_correspondent && !training_correspondents_has(personal->correspondents, TRAINING_HEARD_FROM, author, now);
}
