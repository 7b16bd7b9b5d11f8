/* Envelopes (RFC 8621 §7): reading what a client gives, parameters of RFC 3461, 4865 and 1870 included, and making one of a message's header. */
#include "jmap/send_envelope.h"

#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "message/address.h"
#include "message/date.h"

enum { ENVELOPE_ADDRESSES_MAX = 100000, ENVID_MAX = 100, ORIGINAL_MAX = 500 };

static json_t *wrong(const char *why) { return jmap_set_error("invalidProperties", "envelope", "%s", why); }

/* ---- Parameters ---- */

/* One line's part everywhere. */
static bool is_printable(struct slice text, size_t max)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] <= ' ' || (unsigned char)text.at[i] >= 0x7f)
			return false;
	return text.len > 0 && text.len <= max;
}

static bool read_hold_for(struct slice value, struct queue_message *message)
{
	uint64_t seconds;
	if (message->release != 0 || !slice_to_number(value, 999999999, &seconds))
		return false;
	message->release = seconds > 0 ? clock_now() + (int64_t)seconds : 0;
	return true;
}

static bool read_hold_until(struct slice value, struct queue_message *message)
{
	int64_t until;
	if (message->release != 0 || !date_parse_internet(value, &until))
		return false;
	message->release = until > clock_now() ? until : 0; /* what is over is now */
	return true;
}

static bool read_ret(struct slice value, struct queue_message *message)
{
	message->ret = slice_equal_nocase(value, SLICE("FULL")) ? RET_FULL : slice_equal_nocase(value, SLICE("HDRS")) ? RET_HEADERS : RET_NONE;
	return message->ret != RET_NONE;
}

static bool read_mail_parameter(const char *name, const json_t *given, struct queue_message *message)
{
	struct slice key = slice_of(name), value = jmap_slice_of(given);
	uint64_t ignored;
	if (slice_equal_nocase(key, SLICE("SMTPUTF8")))
		return json_is_null(given);
	if (!json_is_string(given))
		return false;
	if (slice_equal_nocase(key, SLICE("HOLDFOR")))
		return read_hold_for(value, message);
	if (slice_equal_nocase(key, SLICE("HOLDUNTIL")))
		return read_hold_until(value, message);
	if (slice_equal_nocase(key, SLICE("RET")))
		return read_ret(value, message);
	if (slice_equal_nocase(key, SLICE("SIZE")))
		return slice_to_number(value, UINT64_MAX, &ignored);
	if (slice_equal_nocase(key, SLICE("BODY")))
		return slice_equal_nocase(value, SLICE("7BIT")) || slice_equal_nocase(value, SLICE("8BITMIME"));
	message->envid = value;
	return slice_equal_nocase(key, SLICE("ENVID")) && is_printable(value, ENVID_MAX);
}

static bool read_notify(struct slice value, unsigned *notify)
{
	static const struct { const char *name; unsigned flag; } events[] = {
		{"SUCCESS", NOTIFY_SUCCESS}, {"FAILURE", NOTIFY_FAILURE}, {"DELAY", NOTIFY_DELAY}, {"NEVER", NOTIFY_NEVER}};
	struct slice word;
	for (bool more = true; more;) {
		unsigned flag = 0;
		more = slice_cut(value, ',', &word, &value);
		for (size_t i = 0; i < sizeof events / sizeof *events; i++)
			if (slice_equal_nocase(word, slice_of(events[i].name)))
				flag = events[i].flag;
		if (flag == 0)
			return false;
		*notify |= flag;
	}
	return !(*notify & NOTIFY_NEVER) || *notify == NOTIFY_NEVER;
}

static bool read_recipient_parameter(const char *name, const json_t *given, struct queue_recipient *recipient)
{
	struct slice key = slice_of(name), value = jmap_slice_of(given);
	if (!json_is_string(given))
		return false;
	if (slice_equal_nocase(key, SLICE("NOTIFY")))
		return read_notify(value, &recipient->notify);
	recipient->original = value;
	return slice_equal_nocase(key, SLICE("ORCPT")) && is_printable(value, ORIGINAL_MAX) && slice_find_char(value, ';') != SLICE_NONE;
}

/* ---- What a client gives ---- */

static bool is_address(const json_t *object)
{
	static const char *const names[] = {"email", "parameters", NULL};
	const char *key;
	json_t *value, *parameters = json_object_get(object, "parameters");
	json_object_foreach((json_t *)object, key, value)
		if (strcmp(key, names[0]) != 0 && strcmp(key, names[1]) != 0)
			return false;
	return json_is_object(object) && json_is_string(json_object_get(object, "email")) && (!parameters || json_is_null(parameters) || json_is_object(parameters));
}

static json_t *read_sender(struct jmap_sending *sending, const json_t *sender)
{
	struct slice email = jmap_slice_of(json_object_get(sender, "email"));
	const char *key;
	json_t *value;
	struct error error;
	if (!is_address(sender))
		return wrong("mailFrom is no address");
	if (email.len > 0 && !address_parse(email, true, sending->call->arena, &sending->queue.from, &error))
		return wrong("mailFrom is no address");
	json_object_foreach(json_object_get(sender, "parameters"), key, value)
		if (!read_mail_parameter(key, value, &sending->queue))
			return wrong("mailFrom has a parameter that isn't there, or isn't right");
	return NULL;
}

/* The same address twice is one. */
static struct queue_recipient *add_recipient(struct jmap_sending *sending, size_t *room, struct slice address)
{
	struct queue_message *message = &sending->queue;
	for (size_t i = 0; i < message->recipient_count; i++)
		if (slice_equal(message->recipients[i].address, address))
			return &message->recipients[i];
	ARENA_GROW(sending->call->arena, message->recipients, message->recipient_count, *room);
	message->recipients[message->recipient_count] = (struct queue_recipient){.address = address};
	return &message->recipients[message->recipient_count++];
}

static json_t *read_recipients(struct jmap_sending *sending, const json_t *list, json_t *invalid)
{
	size_t i, room = 0;
	json_t *one, *value;
	const char *key;
	struct slice address;
	struct error error;
	if (!json_is_array(list))
		return wrong("rcptTo is no list");
	json_array_foreach(list, i, one) {
		if (!is_address(one))
			return wrong("rcptTo has something in it that is no address");
		if (!address_parse(jmap_slice_of(json_object_get(one, "email")), true, sending->call->arena, &address, &error)) {
			json_array_append(invalid, json_object_get(one, "email"));
			continue;
		}
		if (sending->queue.recipient_count > (size_t)sending->call->request->config->max_recipients)
			break; /* too many are too many */
		struct queue_recipient *recipient = add_recipient(sending, &room, address);
		json_object_foreach(json_object_get(one, "parameters"), key, value)
			if (!read_recipient_parameter(key, value, recipient))
				return wrong("rcptTo has a parameter that isn't there, or isn't right");
	}
	return NULL;
}

json_t *jmap_envelope_read(struct jmap_sending *sending, json_t *invalid)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)sending->envelope, key, value)
		if (strcmp(key, "mailFrom") != 0 && strcmp(key, "rcptTo") != 0)
			return wrong("it has a property that isn't there");
	json_t *refused = read_sender(sending, json_object_get(sending->envelope, "mailFrom"));
	return refused ? refused : read_recipients(sending, json_object_get(sending->envelope, "rcptTo"), invalid);
}

/* ---- What a header says ---- */

/* The one address of the last field of that name. *count: how many addresses there are in such fields. */
static struct slice only_address(const struct jmap_sending *sending, const char *name, size_t *count)
{
	struct slice rest = sending->header.header, found = {0};
	struct header_field field;
	struct address *list;
	struct arena *arena = sending->call->arena;
	struct error error;
	*count = 0;
	while (header_next(&rest, &field)) {
		size_t here = 0;
		if (!slice_equal_nocase(field.name, slice_of(name)))
			continue;
		address_parse_list(field.body, 10, arena, &list, &here);
		for (size_t i = 0; i < here; i++)
			if (list[i].kind == ADDRESS_MAILBOX && ++*count == 1 &&
			    !address_parse(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(address_quote(list[i].local, arena)), SLICE_ARG(list[i].domain)), true, arena, &found, &error))
				found = (struct slice){0};
	}
	return found;
}

static json_t *make_sender(struct jmap_sending *sending)
{
	size_t count;
	struct arena *arena = sending->call->arena;
	const char *field = "sender";
	struct slice address = only_address(sending, "Sender", &count);
	if (count == 0) {
		field = "from";
		address = only_address(sending, "From", &count);
	}
	if (count > 1)
		return jmap_set_error("invalidEmail", field, "it names several");
	bool of_identity = address.len > 0 && slice_equal(address_canonical(address, arena), address_canonical(sending->identity, arena));
	sending->queue.from = of_identity ? address : sending->identity;
	return NULL;
}

static void add_field_recipients(struct jmap_sending *sending, struct slice body, size_t *room, json_t *invalid)
{
	struct arena *arena = sending->call->arena;
	struct address *list;
	struct slice address;
	struct error error;
	size_t count = 0;
	address_parse_list(body, ENVELOPE_ADDRESSES_MAX, arena, &list, &count);
	for (size_t i = 0; i < count && sending->queue.recipient_count <= (size_t)sending->call->request->config->max_recipients; i++) {
		if (list[i].kind != ADDRESS_MAILBOX)
			continue;
		struct slice text = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(address_quote(list[i].local, arena)), SLICE_ARG(list[i].domain));
		if (address_parse(text, true, arena, &address, &error))
			add_recipient(sending, room, address);
		else
			json_array_append_new(invalid, jmap_text(list[i].domain.len > 0 ? text : list[i].local));
	}
}

json_t *jmap_envelope_make(struct jmap_sending *sending, json_t *invalid)
{
	static const char *const names[] = {"To", "Cc", "Bcc"};
	struct slice rest = sending->header.header;
	struct header_field field;
	size_t room = 0;
	json_t *refused = make_sender(sending);
	while (!refused && header_next(&rest, &field))
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (slice_equal_nocase(field.name, slice_of(names[i])))
				add_field_recipients(sending, field.body, &room, invalid);
	return refused;
}

/* ---- As JSON ---- */

json_t *jmap_send_envelope(const struct jmap_sending *sending)
{
	if (sending->envelope)
		return json_deep_copy(sending->envelope);
	json_t *recipients = json_array();
	for (size_t i = 0; i < sending->queue.recipient_count; i++)
		json_array_append_new(recipients, json_pack("{s:o, s:n}", "email", jmap_text(sending->queue.recipients[i].address), "parameters"));
	return json_pack("{s:{s:o, s:n}, s:o}", "mailFrom", "email", jmap_text(sending->queue.from), "parameters", "rcptTo", recipients);
}
