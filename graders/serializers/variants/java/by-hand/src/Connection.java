import java.util.HashMap;
import java.util.Map;

/** The cluster's address and credentials, from the single variables; KAFKA_CONFIG is not used. */
final class Connection {
    static Map<String, Object> properties() {
        Map<String, Object> properties = new HashMap<>();
        set(properties, "bootstrap.servers", "KAFKA_BOOTSTRAP_SERVERS");
        set(properties, "security.protocol", "KAFKA_SECURITY_PROTOCOL");
        set(properties, "sasl.mechanism", "KAFKA_SASL_MECHANISM");
        String mechanism = System.getenv("KAFKA_SASL_MECHANISM");
        if (mechanism != null) {
            String module = mechanism.equals("PLAIN")
                    ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
            properties.put("sasl.jaas.config", String.format(
                    "org.apache.kafka.common.security.%s required username=\"%s\" password=\"%s\";",
                    module, System.getenv("KAFKA_SASL_USERNAME"), System.getenv("KAFKA_SASL_PASSWORD")));
        }
        if (System.getenv("KAFKA_SSL_CA_LOCATION") != null) {
            properties.put("ssl.truststore.type", "PEM");
            set(properties, "ssl.truststore.location", "KAFKA_SSL_CA_LOCATION");
        }
        return properties;
    }

    private static void set(Map<String, Object> properties, String key, String variable) {
        String value = System.getenv(variable);
        if (value != null) {
            properties.put(key, value);
        }
    }

    private Connection() {}
}
