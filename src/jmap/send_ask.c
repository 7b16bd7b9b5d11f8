/* What the auth role is asked about a message that is to be sent: whose addresses it names, and how much its account may send. One question after the other,
 * without a thread that waits for the answers. */
#include "jmap/send_ask.h"

static struct auth *auth_of(const struct jmap_sending *sending) { return sending->call->request->service->auth; }
static struct slice account_of(const struct jmap_sending *sending) { return account_name(sending->call->account); }

static json_t *cant_tell(void) { return jmap_set_error("serverFail", NULL, "that can't be told now, try again later"); }

/* False, here and below: the answer is awaited. */
static bool ask_address(struct jmap_sending *sending, struct slice address, json_t *(*others)(const void *context), const void *context, json_t **refused)
{
	switch (auth_may_send_as(auth_of(sending), sending->call->request->wait, account_of(sending), address)) {
	case SENDER_AWAITED:
		return false;
	case SENDER_OWN:
		return true;
	case SENDER_OTHERS:
		*refused = others(context);
		return true;
	default:
		*refused = cant_tell();
		return true;
	}
}

static json_t *others_sender(const void *context)
{
	(void)context;
	return jmap_set_error("forbiddenMailFrom", NULL, "that sender's address isn't yours");
}

static json_t *others_author(const void *author)
{
	return jmap_set_error("forbiddenFrom", NULL, "the %s field names an address that isn't yours", ((const struct submit_author *)author)->field);
}

static bool ask_authors(struct jmap_sending *sending, json_t **refused)
{
	for (; sending->asked.author && !*refused; sending->asked.author = sending->asked.author->next)
		if (!ask_address(sending, sending->asked.author->address, others_author, sending->asked.author, refused))
			return false;
	return true;
}

/* Somebody of ours who isn't there is no address to send to. */
static bool ask_recipients(struct jmap_sending *sending, json_t **refused)
{
	for (; sending->asked.recipient < sending->queue.recipient_count && !*refused; sending->asked.recipient++) {
		struct slice address = sending->queue.recipients[sending->asked.recipient].address;
		enum auth_recipient_kind kind = auth_recipient(auth_of(sending), sending->call->request->wait, address, NULL);
		if (kind == RECIPIENT_AWAITED)
			return false;
		if (kind == RECIPIENT_TEMPORARY)
			*refused = cant_tell();
		else if (kind != RECIPIENT_LOCAL && kind != RECIPIENT_FOREIGN)
			json_array_append_new(sending->invalid, jmap_text(address));
	}
	if (!*refused && json_array_size(sending->invalid) > 0) {
		*refused = jmap_set_error("invalidRecipients", NULL, NULL);
		json_object_set(*refused, "invalidRecipients", sending->invalid);
	}
	return true;
}

/* As of somebody who has signed in to SMTP. */
static bool ask_allowance(struct jmap_sending *sending)
{
	const struct config *config = sending->call->request->config;
	struct auth_rates rates = {0};
	enum auth_rates_known known = auth_rates(auth_of(sending), sending->call->request->wait, account_of(sending), &rates);
	if (known == RATES_AWAITED)
		return false;
	if (known != RATES_KNOWN)
		rates = (struct auth_rates){0};
	sending->queue.allowance = (struct queue_allowance){
		.counts = true,
		.per_hour = rates.per_hour == 0 ? config->submission_rate : rates.per_hour < 0 ? 0 : rates.per_hour,
		.per_day = rates.per_day == 0 ? config->submission_rate_day : rates.per_day < 0 ? 0 : rates.per_day,
	};
	return true;
}

bool jmap_send_ask(struct jmap_sending *sending, json_t **refused)
{
	switch (sending->asked.step) {
	case ASKING_SENDER: /* receipts and the like go with the empty one */
		if (sending->queue.from.len > 0 && !ask_address(sending, sending->queue.from, others_sender, NULL, refused))
			return false;
		sending->asked.author = sending->header.authors;
		sending->asked.step = ASKING_AUTHORS;
		break;
	case ASKING_AUTHORS:
		if (!ask_authors(sending, refused))
			return false;
		sending->asked.step = ASKING_RECIPIENTS;
		break;
	case ASKING_RECIPIENTS:
		if (!ask_recipients(sending, refused))
			return false;
		sending->asked.step = ASKING_ALLOWANCE;
		break;
	default:
		if (!ask_allowance(sending))
			return false;
		sending->asked.step = ASKING_NOTHING;
		break;
	}
	return true;
}
