/* What the datagrams of wire.h have beside numbers and texts. Nothing here fails but by `overflow` and `broken`. */
#include "auth/wire.h"

void auth_wire_begin(struct buf *datagram, enum auth_wire_kind kind, uint64_t generation, uint64_t id)
{
	wire_put_short(datagram, WIRE_VERSION, 1);
	wire_put_short(datagram, (uint64_t)kind, 1);
	wire_put_short(datagram, generation, 8);
	wire_put_short(datagram, id, 8);
}

void auth_wire_put_client(struct buf *datagram, const struct sign_in_client *client)
{
	wire_put_text(datagram, slice_of(client->service));
	wire_put_text(datagram, client->address);
	wire_put_number(datagram, (uint64_t)client->session);
	wire_put_number(datagram, client->encrypted);
	wire_put_text(datagram, client->tls_exporter);
	wire_put_text(datagram, client->tls_unique);
}

bool auth_wire_open(struct slice datagram, struct auth_wire_header *header, struct wire_reader *reader)
{
	*reader = (struct wire_reader){.rest = datagram};
	if (wire_short(reader, 1) != WIRE_VERSION)
		reader->broken = true;
	header->kind = (unsigned)wire_short(reader, 1);
	header->generation = wire_short(reader, 8);
	header->id = wire_short(reader, 8);
	return !reader->broken;
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
