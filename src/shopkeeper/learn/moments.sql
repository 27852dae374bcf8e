-- In which visit, and by what device, a person did what stands for a request.
-- Reads events (schema EVENTS) and asked(place, actor, time): the requests, each made when an event of its actor was.
SELECT
    asked.place,
    min(events.session_id) AS session_id,
    min(events.attributes ->> '$.device') AS device
FROM asked
JOIN events ON asked.actor = events.actor AND asked.time = events.time
GROUP BY asked.place
