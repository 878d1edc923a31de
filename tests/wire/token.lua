-- token.lua - wrk: every response must carry the token of its request. Run with as many threads as
-- connections: then a thread has one request under way and its answer is known exactly.
local threads = {}
local thread_n = 0

function setup(thread)
	thread_n = thread_n + 1
	thread:set("id", thread_n)
	table.insert(threads, thread)
end

function init()
	sent = 0
	asked = nil
	wrong = 0
	refused = 0
	answered = 0
	example = ""
end

function request()
	sent = sent + 1
	asked = id .. "." .. sent
	return "GET /token?t=" .. asked .. " HTTP/1.1\r\nHost: www.example\r\n\r\n"
end

function response(status, headers, body)
	answered = answered + 1
	if status ~= 200 then
		refused = refused + 1
		example = "status " .. status .. " " .. body
	elseif body ~= asked then
		wrong = wrong + 1
		example = "asked " .. asked .. " got " .. body
	end
end

function done(summary, latency)
	local wrong_n, refused_n, answered_n, seen = 0, 0, 0, ""
	for _, thread in ipairs(threads) do
		wrong_n = wrong_n + thread:get("wrong")
		refused_n = refused_n + thread:get("refused")
		answered_n = answered_n + thread:get("answered")
		if thread:get("example") ~= "" then seen = thread:get("example") end
	end
	local e = summary.errors
	io.write(string.format("RESULT answered=%d wrong=%d refused=%d connect=%d read=%d write=%d "
		.. "timeout=%d p99_us=%d example=%s\n", answered_n, wrong_n, refused_n, e.connect,
		e.read, e.write, e.timeout, latency:percentile(99), seen))
end
