/* What the questions of wire.h have beside numbers and texts. Nothing here fails but by `overflow` and `broken`. */
#include "auth/wire.h"

void auth_wire_put_client(struct buf *question, const struct sign_in_client *client)
{
	wire_put_text(question, slice_of(client->service));
	wire_put_text(question, client->address);
	wire_put_number(question, (uint64_t)client->session);
	wire_put_number(question, client->encrypted);
	wire_put_number(question, client->repeats);
	wire_put_text(question, client->tls_exporter);
	wire_put_text(question, client->tls_unique);
}

/* The service goes into logs and SASL as a C string, so only those that exist are let through. */
static const char *known_service(struct slice name)
{
	static const char *const services[] = {"smtp", "imap", "pop3", "sieve", "http"};
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (slice_equal(name, slice_of(services[i])))
			return services[i];
	return "";
}

void auth_wire_client(struct wire_reader *reader, struct sign_in_client *client)
{
	client->service = known_service(wire_text(reader, WIRE_SERVICE_MAX));
	client->address = wire_text(reader, WIRE_PEER_MAX);
	client->session = (int64_t)wire_number(reader, INT64_MAX);
	client->encrypted = wire_flag(reader);
	client->repeats = wire_flag(reader);
	client->tls_exporter = wire_text(reader, WIRE_BINDING_MAX);
	client->tls_unique = wire_text(reader, WIRE_BINDING_MAX);
}

const char *auth_route_problem(enum auth_route_problem problem)
{
	static const char *const words[] = {
		[ROUTE_GOOD] = "leads somewhere", [ROUTE_NOBODY] = "is nobody's address", [ROUTE_DISABLED] = "is an account that is disabled",
		[ROUTE_LOOP] = "leads back to the alias", [ROUTE_TOO_FAR] = "leads through too many aliases"};
	return words[problem];
}

bool auth_language_parse(struct slice name, enum auth_language *language)
{
	static const char *const names[LANGUAGE_COUNT] = {[LANGUAGE_EN] = "en", [LANGUAGE_PT] = "pt", [LANGUAGE_RU] = "ru"};
	for (size_t i = 0; i < LANGUAGE_COUNT; i++)
		if (slice_equal_nocase(name, slice_of(names[i]))) {
			*language = (enum auth_language)i;
			return true;
		}
	return false;
}

bool auth_language_accepted(struct slice field, enum auth_language *language)
{
	struct slice one, rest;
	while (field.len > 0) {
		slice_cut(field, ',', &one, &field);
		slice_cut(one, ';', &one, &rest);
		slice_cut(slice_trim(one), '-', &one, &rest);
		if (auth_language_parse(one, language))
			return true;
	}
	return false;
}
