-- wrk's script: one request again and again, and its figures as one line of JSON.
-- Arguments after `--`: method, then the body if there is one. Headers are given to wrk itself.
function init(args)
  wrk.method = args[1]
  if args[2] ~= nil then
    wrk.body = args[2]
    wrk.headers["Content-Type"] = "application/json"
  end
  request_text = wrk.format()
end

function request()
  return request_text
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d,"late":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
