"""What is made of a record, by the shape of the records."""

import time


def at(record):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(record["timestamp"])))


def price(record):
    return f"At {at(record)} the price of {record['ticker']} is {record['price']}."


def note(record):
    return f"{price(record)} {record['note']}"


def order(record):
    customer, payment, shipping = record["customer"], record["payment"], record["shipping"]
    address = customer["address"]
    return (
        f"At {at(record)} order {record['id']} of {customer['name']} ({customer['email']}, {address['city']}, "
        f"{address['country']}) is {record['status']}: {payment['total']} by {payment['method']}, sent with "
        f"{shipping['carrier']} as {shipping['tracking']}."
    )


SENTENCES = {"price": price, "note": note, "order": order}
