-- wrk.lua - says at the end what wrk counted, as one JSON object; costs nothing per request unless
-- a pace is given. PACE_MS: mean pause of a connection before its next request. UP: bytes to PUT.
local pace = tonumber(os.getenv("PACE_MS") or "")
local up = tonumber(os.getenv("UP") or "")

if up then
	wrk.method = "PUT"
	wrk.body = string.rep("0123456789abcde\n", math.ceil(up / 16)):sub(1, up)
end

if pace then
	function delay()
		return math.random(0, 2 * pace)
	end
end

function done(summary, latency)
	local e = summary.errors
	io.write(string.format('RESULT {"requests": %d, "seconds": %.6f, "bytes": %.0f, '
		.. '"p50_us": %.1f, "p99_us": %.1f, "p999_us": %.1f, "errors": {"status": %d, '
		.. '"connect": %d, "read": %d, "write": %d, "timeout": %d}}\n', summary.requests,
		summary.duration / 1e6, summary.bytes, latency:percentile(50), latency:percentile(99),
		latency:percentile(99.9), e.status, e.connect, e.read, e.write, e.timeout))
end
