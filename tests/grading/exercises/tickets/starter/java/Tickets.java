import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class Tickets {
  public static void main(String[] args) throws Exception {
    System.setProperty("java.security.krb5.conf", System.getenv("KRB5_CONFIG"));
    Properties config = new Properties();
    config.load(Files.newBufferedReader(Path.of(System.getenv("KAFKA_CONFIG"))));
    StringSerializer text = new StringSerializer();
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, text, text)) {
      producer.send(new ProducerRecord<>(System.getenv("OUT_TOPIC"), "by ticket")).get();
    }
  }
}
