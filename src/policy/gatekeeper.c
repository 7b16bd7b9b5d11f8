/* Who may come in, before the text: what the door (door.h) would refuse in any case. See gatekeeper.h. */
#include "policy/gatekeeper.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/config_dns_list.h"

struct policy_gatekeeper {
	struct policy_lists *lists;
};

struct policy_gatekeeper *policy_gatekeeper_new(struct policy_lists *lists)
{
	struct policy_gatekeeper *keeper = memory_new(sizeof *keeper);
	keeper->lists = lists;
	return keeper;
}

void policy_gatekeeper_free(struct policy_gatekeeper **keeper)
{
	free(*keeper);
	*keeper = NULL;
}

/* The options with what only counts points switched off: that is looked at with the text. */
static struct config *what_refuses(const struct config *config, struct arena *arena)
{
	struct config *own = arena_alloc(arena, sizeof *own);
	*own = *config; /* what it points to stays where it is */
	const char **const names[] = {&own->client_without_name, &own->client_name_unproved, &own->invalid_helo, &own->short_helo, &own->unknown_helo,
				      &own->short_sender, &own->unknown_sender_domain};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!slice_equal(slice_of(*names[i]), SLICE("reject")))
			*names[i] = "off";
	return own;
}

static void look(struct policy_gatekeeper *keeper, const struct policy_gate_question *question, struct dns *dns, int64_t deadline, struct policy_findings *findings)
{
	const struct config *config = config_current();
	struct policy_mail mail = {.client = question->client, .helo = question->helo, .sender = question->sender, .receiver = question->receiver, .now = clock_now()};
	struct lookup *table = lookup_new();
	int limit;
	struct policy_door *door = policy_door_new(keeper->lists, what_refuses(config, findings->arena), &mail, SLICE(""), findings);
	while (!policy_door_run(door, table))
		dns_answer(dns, table, deadline);
	policy_door_judge(door);
	if (config->spam_checks && config_parse_points(slice_of(config->spam_reject), &limit))
		policy_door_refuse_from(door, limit);
	lookup_free(&table);
}

void policy_gatekeeper_answer(struct policy_gatekeeper *keeper, struct slice text, struct dns *dns, int64_t deadline, struct buf *out)
{
	struct policy_gate_question question;
	struct policy_findings findings = {.arena = arena_new()};
	if (policy_gate_question_decode(text, &question) && dns && config_current()->sender_checks)
		look(keeper, &question, dns, deadline, &findings);
	struct policy_gate_answer answer = {.action = findings.action, .reply = findings.reply};
	policy_gate_answer_encode(&answer, out);
	arena_free(&findings.arena);
}
