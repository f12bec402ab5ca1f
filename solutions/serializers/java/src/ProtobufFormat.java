import com.google.protobuf.InvalidProtocolBufferException;
import orders.v1.OrderEvents.OrderEvent;
import orders.v1.OrderEvents.Status;

/** The message of order_event.proto. Its class, in orders/v1, is generated. */
final class ProtobufFormat extends OrderFormat {
    ProtobufFormat() {
        super("application/x-protobuf");
    }

    @Override
    public byte[] serialize(String topic, Order order) {
        OrderEvent.Builder event = OrderEvent.newBuilder()
                .setOrderId(order.orderId())
                .setCustomer(order.customer())
                .setStatus(Status.valueOf(order.status()))
                .setAmountCents(order.amount())
                .setCurrency(order.currency())
                .setOccurredAt(order.occurredAt());
        if (order.note() != null) {
            event.setNote(order.note());
        }
        return event.build().toByteArray();
    }

    @Override
    public Order deserialize(String topic, byte[] value) {
        OrderEvent event;
        try {
            event = OrderEvent.parseFrom(value); // texts must be UTF-8, or this throws
        } catch (InvalidProtocolBufferException e) {
            throw new Invalid("not Protobuf", e);
        }
        return new Order(event.getOrderId(), event.getCustomer(), event.getStatus().name(),
                event.getAmountCents(), event.getCurrency(), event.getOccurredAt(),
                event.hasNote() ? event.getNote() : null);
    }
}
