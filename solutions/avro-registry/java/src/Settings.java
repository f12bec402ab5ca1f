import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

/** Everything the service is told from outside: environment variables, and nothing else. */
final class Settings {
    final String scansTopic = required("SCANS_TOPIC");
    final String eventsTopic = required("EVENTS_TOPIC");
    final String jsonTopic = required("JSON_TOPIC");
    final String deadTopic = required("DEAD_TOPIC");
    final String groupId = required("GROUP_ID");
    final String registryUrl = required("SCHEMA_REGISTRY_URL");
    final boolean registerSchemas = !"false".equals(optional("REGISTER_SCHEMAS"));

    /**
     * How to reach the cluster, as properties for any Kafka client in Java: from the file that
     * KAFKA_CONFIG names, or from the single variables where there is no such file.
     */
    Properties connection() {
        Properties properties = new Properties();
        String file = optional("KAFKA_CONFIG");
        if (file != null) {
            try (Reader reader = Files.newBufferedReader(Path.of(file), StandardCharsets.UTF_8)) {
                properties.load(reader);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read the file that KAFKA_CONFIG names", e);
            }
            return properties;
        }
        properties.put("bootstrap.servers", required("KAFKA_BOOTSTRAP_SERVERS"));
        String protocol = optional("KAFKA_SECURITY_PROTOCOL");
        if (protocol != null) {
            properties.put("security.protocol", protocol);
        }
        String mechanism = optional("KAFKA_SASL_MECHANISM");
        if (mechanism != null) {
            properties.put("sasl.mechanism", mechanism);
            String module = mechanism.startsWith("SCRAM-")
                    ? "org.apache.kafka.common.security.scram.ScramLoginModule"
                    : "org.apache.kafka.common.security.plain.PlainLoginModule";
            properties.put("sasl.jaas.config", module + " required"
                    + " username=" + quoted(required("KAFKA_SASL_USERNAME"))
                    + " password=" + quoted(required("KAFKA_SASL_PASSWORD")) + ";");
        }
        String ca = optional("KAFKA_SSL_CA_LOCATION");
        if (ca != null) {
            properties.put("ssl.truststore.type", "PEM");
            properties.put("ssl.truststore.location", ca);
        }
        return properties;
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    private static String optional(String name) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? null : value;
    }

    private static String required(String name) {
        String value = optional(name);
        if (value == null) {
            throw new IllegalStateException("the environment variable " + name + " is not set");
        }
        return value;
    }
}
