/* Questions at RCPT and their answers, as they cross a channel (base/wire.h), and when they are worth asking; see gate.h. */
#include "policy/gate.h"

#include "base/wire.h"
#include "config/config_dns_list.h"
#include "message/address.h"
#include "policy/access.h"

enum { CLIENT_MAX = 16, NAME_MAX_LENGTH = 1024, PATH_MAX_LENGTH = 2048 };

/* ---- When it is worth asking ---- */

static int most_points(const struct config_dns_list *list)
{
	int sum = 0;
	for (size_t i = 0; i < list->answer_count; i++)
		sum += list->answers[i].points > 0 ? list->answers[i].points : 0;
	return list->answer_count > 0 ? sum : list->points;
}

/* May what the list says refuse by itself? */
static bool list_refuses(const struct config *config, struct slice entry)
{
	struct config_dns_list list;
	struct error error;
	int limit;
	if (!config_parse_dns_list(entry, &list, &error) || list.kinds == 1U << CONFIG_DNS_LIST_LINKS)
		return false;
	return list.deed == CONFIG_DNS_LIST_REJECT ||
	       (config->spam_checks && config_parse_points(slice_of(config->spam_reject), &limit) && most_points(&list) >= limit);
}

static bool door_refuses(const struct config *config)
{
	const char *const names[] = {config->client_without_name, config->client_name_unproved, config->invalid_helo, config->short_helo, config->unknown_helo,
				     config->short_sender, config->unknown_sender_domain};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal(slice_of(names[i]), SLICE("reject")))
			return true;
	for (size_t i = 0; i < config->dns_lists.count; i++)
		if (list_refuses(config, slice_of(config->dns_lists.at[i])))
			return true;
	return false;
}

bool policy_gate_is_wanted(const struct config *config)
{
	return policy_access_denies(config) || !slice_equal(slice_of(config->greylist), SLICE("off")) || (config->sender_checks && door_refuses(config));
}

bool policy_gate_is_open(struct slice recipient)
{
	struct slice local, domain;
	address_split(recipient, &local, &domain); /* "postmaster" may stand without a domain */
	return slice_equal_nocase(local, SLICE("postmaster")) || slice_equal_nocase(local, SLICE("abuse"));
}

bool policy_gate_is_open_to_all(struct slice recipients)
{
	struct slice recipient;
	bool open = recipients.len > 0;
	while (open && recipients.len > 0) {
		slice_cut(recipients, '\n', &recipient, &recipients);
		open = policy_gate_is_open(recipient);
	}
	return open;
}

struct slice policy_gate_key(const struct config *config, struct slice recipient)
{
	return policy_access_is_own(config, recipient) ? recipient : slice_skip(recipient, slice_find_last_char(recipient, '@') + 1);
}

/* ---- What crosses ---- */

bool policy_gate_question_encode(const struct policy_gate_question *question, struct buf *out)
{
	wire_put_text(out, question->client);
	wire_put_text(out, question->helo);
	wire_put_text(out, question->sender);
	wire_put_text(out, question->receiver);
	wire_put_text(out, question->recipient);
	config_threshold_put(out, question->reject);
	return !out->overflow;
}

bool policy_gate_question_decode(struct slice text, struct policy_gate_question *question)
{
	struct wire_reader reader = {.rest = text};
	question->client = wire_text(&reader, CLIENT_MAX);
	question->helo = wire_text(&reader, NAME_MAX_LENGTH);
	question->sender = wire_text(&reader, PATH_MAX_LENGTH);
	question->receiver = wire_text(&reader, NAME_MAX_LENGTH);
	question->recipient = wire_text(&reader, PATH_MAX_LENGTH);
	question->reject = config_threshold_read(&reader);
	return wire_end(&reader) && (question->client.len == 4 || question->client.len == 16);
}

bool policy_gate_answer_encode(const struct policy_gate_answer *answer, struct buf *out)
{
	wire_put_number(out, answer->action);
	wire_put_text(out, answer->reply);
	return !out->overflow;
}

bool policy_gate_answer_decode(struct slice text, struct policy_gate_answer *answer)
{
	struct wire_reader reader = {.rest = text};
	answer->action = (enum policy_action)wire_number(&reader, POLICY_REJECT);
	answer->reply = wire_text(&reader, POLICY_REPLY_MAX);
	bool refused = answer->action == POLICY_DEFER || answer->action == POLICY_REJECT;
	return wire_end(&reader) && slice_is_printable(answer->reply) && (refused ? answer->reply.len > 0 : answer->action == POLICY_ACCEPT && answer->reply.len == 0);
}
