/* Encoding and decoding of the datagrams of wire.h. Nothing here fails but by `overflow` and `broken`. */
#include "auth/wire.h"

static void put_bytes(struct buf *datagram, uint64_t number, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_append_char(datagram, (char)(number >> (8 * i) & 0xff));
}

void wire_begin(struct buf *datagram, enum wire_kind kind, uint64_t generation, uint64_t id)
{
	put_bytes(datagram, WIRE_VERSION, 1);
	put_bytes(datagram, (uint64_t)kind, 1);
	put_bytes(datagram, generation, 8);
	put_bytes(datagram, id, 8);
}

void wire_put_number(struct buf *datagram, uint64_t number)
{
	put_bytes(datagram, number, 8);
}

void wire_put_text(struct buf *datagram, struct slice text)
{
	if (text.len > UINT16_MAX) {
		datagram->overflow = true;
		return;
	}
	put_bytes(datagram, text.len, 2);
	buf_append(datagram, text);
}

void wire_put_client(struct buf *datagram, const struct sign_in_client *client)
{
	wire_put_text(datagram, slice_of(client->service));
	wire_put_text(datagram, client->address);
	wire_put_number(datagram, (uint64_t)client->session);
	wire_put_number(datagram, client->encrypted);
	wire_put_text(datagram, client->tls_exporter);
	wire_put_text(datagram, client->tls_unique);
}

static uint64_t take_bytes(struct wire_reader *reader, size_t bytes)
{
	uint64_t number = 0;
	if (reader->rest.len < bytes) {
		*reader = (struct wire_reader){.broken = true};
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		number |= (uint64_t)(unsigned char)reader->rest.at[i] << (8 * i);
	reader->rest = slice_skip(reader->rest, bytes);
	return number;
}

bool wire_open(struct slice datagram, struct wire_header *header, struct wire_reader *reader)
{
	*reader = (struct wire_reader){.rest = datagram};
	if (take_bytes(reader, 1) != WIRE_VERSION)
		reader->broken = true;
	header->kind = (unsigned)take_bytes(reader, 1);
	header->generation = take_bytes(reader, 8);
	header->id = take_bytes(reader, 8);
	return !reader->broken;
}

uint64_t wire_number(struct wire_reader *reader, uint64_t max)
{
	uint64_t number = take_bytes(reader, 8);
	if (number <= max)
		return number;
	*reader = (struct wire_reader){.broken = true};
	return 0;
}

bool wire_flag(struct wire_reader *reader)
{
	return wire_number(reader, 1) == 1;
}

struct slice wire_text(struct wire_reader *reader, size_t max)
{
	size_t len = take_bytes(reader, 2);
	if (len > max || len > reader->rest.len) {
		*reader = (struct wire_reader){.broken = true};
		return SLICE("");
	}
	struct slice text = slice_sub(reader->rest, 0, len);
	reader->rest = slice_skip(reader->rest, len);
	return text;
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

void wire_client(struct wire_reader *reader, struct sign_in_client *client)
{
	client->service = known_service(wire_text(reader, WIRE_SERVICE_MAX));
	client->address = wire_text(reader, WIRE_PEER_MAX);
	client->session = (int64_t)wire_number(reader, INT64_MAX);
	client->encrypted = wire_flag(reader);
	client->tls_exporter = wire_text(reader, WIRE_BINDING_MAX);
	client->tls_unique = wire_text(reader, WIRE_BINDING_MAX);
}

bool wire_end(const struct wire_reader *reader)
{
	return !reader->broken && reader->rest.len == 0;
}

const char *auth_route_problem(enum route_problem problem)
{
	static const char *const words[] = {
		[ROUTE_GOOD] = "leads somewhere", [ROUTE_NOBODY] = "is nobody's address", [ROUTE_DISABLED] = "is an account that is disabled",
		[ROUTE_LOOP] = "leads back to the alias", [ROUTE_TOO_FAR] = "leads through too many aliases"};
	return words[problem];
}
