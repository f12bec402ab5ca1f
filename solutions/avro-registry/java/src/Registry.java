import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;

/** The schema registry over HTTP: schemas by id, ids by schema, each asked for once. */
final class Registry {
    /** The registry has answered, and the answer is no. */
    static final class Refused extends RuntimeException {
        Refused(String why) {
            super(why);
        }
    }

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration TIMEOUT = Duration.ofSeconds(2); // without it: for ever
    private static final long PAUSE_MS = 300;

    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String url;
    private final BooleanSupplier stopping;
    private final Map<Long, JsonNode> known = new HashMap<>();

    Registry(String url, BooleanSupplier stopping) {
        this.url = url.replaceAll("/+$", "");
        this.stopping = stopping;
    }

    /** The schema's id; registers it where it is new. Throws Refused. */
    int register(String subject, String schema) throws InterruptedException {
        return ask("/subjects/" + encoded(subject) + "/versions", schema).path("id").intValue();
    }

    /** The schema's id if it is registered. Throws Refused. */
    int lookUp(String subject, String schema) throws InterruptedException {
        return ask("/subjects/" + encoded(subject), schema).path("id").intValue();
    }

    /** What the registry says of an id. Throws Refused for one it does not know. */
    JsonNode schema(long id) throws InterruptedException {
        // What an id means never changes: one request for each is enough.
        JsonNode found = known.get(id);
        if (found == null) {
            found = ask("/schemas/ids/" + id, null);
            known.put(id, found);
        }
        return found;
    }

    /** The answer. Asks until there is one: a 5xx, or silence, is none. */
    private JsonNode ask(String path, String schema) throws InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + path))
                .timeout(TIMEOUT)
                .header("Content-Type", "application/vnd.schemaregistry.v1+json");
        if (schema != null) {
            String body = JSON.createObjectNode().put("schema", schema).toString();
            request.POST(HttpRequest.BodyPublishers.ofString(body));
        }
        while (true) {
            String trouble;
            try {
                HttpResponse<String> answer =
                        client.send(request.build(), HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() < 300) {
                    return JSON.readTree(answer.body());
                }
                trouble = "the registry says " + answer.statusCode() + " to " + path;
                if (answer.statusCode() < 500) {
                    throw new Refused(trouble);
                }
            } catch (JsonProcessingException e) {
                trouble = "the registry's answer is no JSON";
            } catch (IOException e) {
                trouble = e.toString();
            }
            if (stopping.getAsBoolean()) {
                throw new IllegalStateException(
                        "told to stop while the registry was away: " + trouble);
            }
            Thread.sleep(PAUSE_MS);
        }
    }

    private static String encoded(String subject) {
        return URLEncoder.encode(subject, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
