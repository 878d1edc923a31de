/*
 * scrape.c - libmicrohttpd inside the loop, see scrape.h.
 */
#include "daemon/scrape.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "daemon/say.h"

static char index_page[] = "<!DOCTYPE html><title>Penstock</title><h1>Penstock</h1>"
			   "<p><a href=\"/metrics\">Metrics</a></p>\n";
static char not_found[] = "Only / and /metrics are here.\n";
static char not_allowed[] = "Only GET and HEAD are answered.\n";
static const char text_type[] = "text/plain; charset=utf-8";

/* Takes the response. */
static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
       const char *type)
{
	enum MHD_Result verdict = MHD_NO;

	if (response == NULL)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
	    (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	     MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		verdict = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return verdict;
}

static enum MHD_Result
answer_fixed(struct MHD_Connection *connection, unsigned status, char *text, const char *type)
{
	return answer(connection, status,
		      MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT),
		      type);
}

/* Called once for the head (*state NULL), and for each piece of a body, which is let fall. */
static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
	   const char *version, const char *upload, size_t *upload_n, void **state)
{
	static char seen;
	struct scrape *scrape = ctx;
	size_t n;
	char *page;

	(void)version;
	(void)upload;
	if (*state == NULL) {
		*state = &seen;
		return MHD_YES;
	}
	if (*upload_n != 0) {
		*upload_n = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_fixed(connection, MHD_HTTP_METHOD_NOT_ALLOWED, not_allowed,
				    text_type);
	if (strcmp(url, "/") == 0)
		return answer_fixed(connection, MHD_HTTP_OK, index_page, "text/html");
	if (strcmp(url, "/metrics") != 0)
		return answer_fixed(connection, MHD_HTTP_NOT_FOUND, not_found, text_type);
	page = scrape->page(scrape->ctx, &n);
	return answer(connection, MHD_HTTP_OK,
		      MHD_create_response_from_buffer(n, page, MHD_RESPMEM_MUST_FREE),
		      "text/plain; version=0.0.4; charset=utf-8");
}

/* A listening socket, or -1 with errno. */
static int
socket_at(const struct ip_addr *ip, uint16_t port)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool is_v4 = ip_is_v4(ip);
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, error;

	if (fd < 0)
		return -1;
	memcpy(&v6.sin6_addr, ip->b, sizeof(v6.sin6_addr));
	memcpy(&v4.sin_addr, &ip->b[12], sizeof(v4.sin_addr));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		 is_v4 ? sizeof(v4) : sizeof(v6)) == 0 &&
	    listen(fd, SCRAPE_CLIENTS_MAX) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void
on_event(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	scrape_advance(ctx);
}

static void
stop(struct scrape *scrape)
{
	if (scrape->http != NULL) {
		loop_forget(scrape->loop, &scrape->watch);
		MHD_stop_daemon(scrape->http);
	}
	free(scrape->address);
	scrape->address = NULL;
	scrape->http = NULL;
}

void
scrape_init(struct scrape *scrape, struct loop *loop, char *(*page)(void *ctx, size_t *ret_n),
	    void *ctx)
{
	*scrape = (struct scrape){ .loop = loop, .page = page, .ctx = ctx };
}

bool
scrape_listen(struct scrape *scrape, const char *address)
{
	struct ip_addr ip;
	uint16_t port;
	int fd;

	if (address != NULL && scrape->address != NULL && strcmp(address, scrape->address) == 0)
		return true;
	stop(scrape);
	if (address == NULL)
		return true;
	if (value_endpoint(address, &ip, &port) != VALUE_OK) {
		say("metrics: '%s' is no address and port", address);
		return false;
	}
	fd = socket_at(&ip, port);
	if (fd < 0) {
		say("metrics are not served: %s: %s", address, strerror(errno));
		return false;
	}
	/* The socket is libmicrohttpd's from here, and closed by it. */
	scrape->http = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, scrape, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)SCRAPE_CLIENTS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SCRAPE_PATIENCE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SCRAPE_MEMORY, MHD_OPTION_END);
	if (scrape->http == NULL) {
		say("metrics are not served: libmicrohttpd does not start at %s", address);
		close(fd);
		return false;
	}
	scrape->address = strdup(address);
	ensure(scrape->address != NULL);
	scrape->watch = (struct loop_fd){
		MHD_get_daemon_info(scrape->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, on_event,
		scrape
	};
	loop_watch(scrape->loop, &scrape->watch, EPOLLIN);
	return true;
}

void
scrape_advance(struct scrape *scrape)
{
	if (scrape->http != NULL)
		MHD_run(scrape->http);
}

uint64_t
scrape_deadline(const struct scrape *scrape, uint64_t now)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (scrape->http == NULL || MHD_get_timeout(scrape->http, &ms) != MHD_YES)
		return LOOP_NEVER;
	return now + ms * LOOP_MS;
}

void
scrape_fini(struct scrape *scrape)
{
	stop(scrape);
}
